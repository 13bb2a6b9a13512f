#!/bin/bash
# Sees to the system's libraries: system_packages.sh demo [headless] | test
# Root on Debian or Ubuntu gets them installed; anybody else is told the exact command.
set -euo pipefail

# What Qt needs to open a window (the wheels bring the rest), and a screen for machines without one.
window=(libegl1 libgl1 libgl1-mesa-dri libfontconfig1 libfreetype6 libglib2.0-0 libdbus-1-3 libxkbcommon0
    libxkbcommon-x11-0 libx11-xcb1 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0
    libxcb-render-util0 libxcb-shape0 libxcb-sync1 libxcb-xfixes0 libxcb-xkb1 libpulse0 fonts-dejavu-core)
screen=(xvfb)
# Peers to test against: cameras, players, a window manager and hands for the real applications, directories.
peers=(ffmpeg python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good
    gstreamer1.0-plugins-bad gstreamer1.0-rtsp openbox xdotool x11-utils x11-xserver-utils
    pulseaudio pulseaudio-utils postgresql slapd samba samba-ad-provision samba-dsdb-modules samba-vfs-modules winbind)

case "${1:-}" in
    demo)
        wanted=()
        if [ "${2:-}" != headless ]; then
            wanted=("${window[@]}")
            [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || wanted+=("${screen[@]}")
        fi
        ;;
    test) wanted=("${window[@]}" "${screen[@]}" "${peers[@]}") ;;
    *)
        echo "usage: $0 demo [headless] | test" >&2
        exit 2
        ;;
esac
[ ${#wanted[@]} -gt 0 ] || exit 0

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "This is not Debian or Ubuntu; Vedette goes on and hopes that these are installed: ${wanted[*]}" >&2
    exit 0
fi

# Ubuntu 24.04 and Debian 13 renamed some (libglib2.0-0t64): a package that provides the name counts.
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}, ${Provides}\n' \
    | sed -n 's/^installed //p' | tr ',' '\n' | sed 's/^ *//; s/ .*//' | sort -u)
missing=()
for package in "${wanted[@]}"; do
    grep -qx -e "$package" -e "${package}t64" <<<"$installed" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ]; then
    echo "Installing system packages: ${missing[*]}" >&2
    apt-get update -q >&2
    DEBIAN_FRONTEND=noninteractive apt-get install --no-install-recommends -y -q "${missing[@]}" >&2
else
    echo "System packages are missing. Install them, then try again:" >&2
    echo "    sudo apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
fi
