"""What a wall costs at the least: libav decoding and scaling the same frames at the same pace, and nothing else.

`python -m tests.benchmarks.wall_floor CLIP TILES WIDTH HEIGHT SECONDS` prints the cores that TILES tiles of 25 frames a
second take. Each tile has a decoder of its own, and they take turns frame by frame, as they do in a client. Run one
process a core, as the client does: caches and clock rates are the same then.
"""

import sys
import time

import av
from av.video.reformatter import Interpolation, VideoReformatter

FPS = 25
TICK_S = 0.01


def main() -> None:
    clip, tiles, width_px, height_px = sys.argv[1], *(int(given) for given in sys.argv[2:5])
    with av.open(clip) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        record = stream.codec_context.extradata
    decoders = []
    for _ in range(tiles):
        context = av.CodecContext.create("h264", "r")
        context.extradata, context.thread_count = record, 1
        decoders.append((context, VideoReformatter()))
    fast = int(Interpolation.FAST_BILINEAR)
    done = 0
    began_s, cpu_s = time.monotonic(), time.process_time()
    while (elapsed_s := time.monotonic() - began_s) < float(sys.argv[5]):
        while done < elapsed_s * FPS * tiles:
            number, tile = divmod(done, tiles)
            context, scaler = decoders[tile]
            for frame in context.decode(packets[number % len(packets)]):
                scaler.reformat(frame, width_px, height_px, "bgra", interpolation=fast, threads=1)
            done += 1
        time.sleep(TICK_S)
    print((time.process_time() - cpu_s) / done * FPS * tiles)


if __name__ == "__main__":
    main()
