"""Which numbers a training multiplies with, by what the machine says of itself."""

import pytest

from classifier.precision import has_bfloat16, resolve

FLAGS = "processor\t: 0\nmodel name\t: some\nflags\t\t: fpu sse2 {extra} avx2\nbugs\t: none\n"


@pytest.mark.parametrize(
    ("extra", "expected"),
    [("avx512_bf16", True), ("amx_bf16 amx_int8", True), ("avx512f", False), ("xavx512_bf16", False)],
)
def test_bfloat16_is_used_where_the_cores_have_instructions_for_it(tmp_path, extra, expected):
    (tmp_path / "cpuinfo").write_text(FLAGS.format(extra=extra) * 2)
    assert has_bfloat16(tmp_path / "cpuinfo") is expected


def test_a_machine_that_does_not_say_computes_in_float32(tmp_path):
    (tmp_path / "cpuinfo").write_text("Processor: something else\n")
    assert not has_bfloat16(tmp_path / "cpuinfo")
    assert not has_bfloat16(tmp_path / "nowhere")


def test_what_is_asked_for_is_what_is_used():
    assert [resolve(precision) for precision in ("float32", "bfloat16")] == ["float32", "bfloat16"]
    assert resolve("auto") == ("bfloat16" if has_bfloat16() else "float32")
