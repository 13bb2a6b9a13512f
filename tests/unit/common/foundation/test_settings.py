"""What an administrator may write, and what is said about everything else."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.foundation.errors import SettingsError
from common.foundation.settings import Settings, load_settings, setting


class Table(Settings):
    """A daemon's table."""

    port: int = setting(7563, "A port.", unit="TCP port", ge=0, le=65_535)
    hosts: tuple[str, ...] = setting((), "Names.")
    folder: Path | None = setting(None, "A folder.")
    announce: bool = setting(True, "A switch.")
    token: str = setting("", "A secret.", repr=False, max_length=4)


def load(tmp_path: Path, text: str | None = None, **environ: str) -> Table:
    file = None
    if text is not None:
        file = tmp_path / "vedette.toml"
        file.write_text(text)
    return load_settings(Table, "recording", file, environ)


def test_no_file_means_defaults(tmp_path: Path) -> None:
    assert load(tmp_path) == Table()


def test_the_file_counts_and_the_environment_goes_above_it(tmp_path: Path) -> None:
    text = '[recording]\nport = 1\nhosts = ["a", "b"]\nfolder = "/srv"\n[management]\nanything = 1\n'
    environ = {"VEDETTE_RECORDING__PORT": "2", "VEDETTE_RECORDING__ANNOUNCE": "false", "VEDETTE_OTHER": "x"}
    assert load(tmp_path, text, **environ) == Table(port=2, hosts=("a", "b"), folder=Path("/srv"), announce=False)


def test_lists_in_the_environment_are_separated_by_commas(tmp_path: Path) -> None:
    assert load(tmp_path, VEDETTE_RECORDING__HOSTS="cam.example, 10.0.0.1,").hosts == ("cam.example", "10.0.0.1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[recording]\nprt = 1\n", "[recording] prt in {file} is not a setting; did you mean 'port'?"),
        ("[recordng]\n", "the table [recordng] in {file} is not known; did you mean 'recording'?"),
        ("port = 1\n", "the key 'port' outside any table in {file} is not known"),
        ("recording = 1\n", "'recording' in {file} must be a table"),
        ("[recording\n", "the file {file} is not valid TOML"),
        ('[recording]\nport = "7563"\n', '[recording] port in {file} is "7563": it must be a valid integer'),
        ("[recording]\nport = 70000\n", "is 70000: it must be less than or equal to 65535 (in TCP port)"),
        ('[recording]\nhosts = ["a", 3]\n', "[recording] hosts in {file} (entry 2) is 3: it must be a valid string"),
        ("[recording]\nannounce = 1979-05-27\n", "announce in {file}"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        load(tmp_path, text)
    assert said.format(file=tmp_path / "vedette.toml") in str(wrong.value)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            "VEDETTE_RECORDING__PRT",
            "1",
            "VEDETTE_RECORDING__PRT is not a setting; did you mean 'VEDETTE_RECORDING__PORT'?",
        ),
        ("VEDETTE_RECRDING__PORT", "1", "did you mean 'VEDETTE_RECORDING__PORT'?"),
        ("VEDETTE_RECORDING__PORT", "x", "the environment variable VEDETTE_RECORDING__PORT is 'x': it must be"),
        ("VEDETTE_RECORDING__PORT", "-1", "greater than or equal to 0"),
    ],
)
def test_variables_that_cannot_be_used_are_named(tmp_path: Path, name: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        load(tmp_path, **{name: value})
    assert said in str(wrong.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not exist"):
        load_settings(Table, "recording", tmp_path / "none.toml", {})


def test_a_secret_is_never_repeated(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as wrong:
        load(tmp_path, '[recording]\ntoken = "geheim-geheim"\n')
    assert "geheim" not in str(wrong.value)
    assert "token" in str(wrong.value)


@given(text=st.text(max_size=200))
def test_any_file_gives_settings_or_a_settings_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_text(f"[recording]\n{text}", encoding="utf-8")
    with contextlib.suppress(SettingsError):
        load_settings(Table, "recording", file, {})
