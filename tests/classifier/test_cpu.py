"""What the machine says of its processor decides which numbers are multiplied, in training and in serving."""

import pytest

from classifier import precision
from classifier.cpu import field, has_bfloat16, has_vnni

FLAGS = "processor\t: 0\nmodel name\t: some\nflags\t\t: fpu sse2 {extra} avx2\nbugs\t: none\n"


@pytest.mark.parametrize(
    ("extra", "bfloat16", "vnni"),
    [
        ("avx512_bf16", True, False),
        ("amx_bf16 amx_int8", True, False),
        ("avx512f avx512_vnni", False, True),
        ("avx_vnni", False, True),
        ("xavx512_bf16 avx512_vnnix", False, False),
    ],
)
def test_instructions_are_read_from_what_linux_says(tmp_path, extra, bfloat16, vnni):
    facts = tmp_path / "cpuinfo"
    facts.write_text(FLAGS.format(extra=extra) * 2)
    assert (has_bfloat16(facts), has_vnni(facts)) == (bfloat16, vnni)
    assert field("model name", facts) == "some"


def test_a_machine_that_does_not_say_has_nothing_special(tmp_path):
    (tmp_path / "cpuinfo").write_text("Processor: something else\n")
    for facts in (tmp_path / "cpuinfo", tmp_path / "nowhere"):
        assert not has_bfloat16(facts)
        assert not has_vnni(facts)


def test_the_precision_asked_for_is_the_one_used():
    assert [precision.resolve(word) for word in ("float32", "bfloat16")] == ["float32", "bfloat16"]
    assert precision.resolve("auto") == ("bfloat16" if has_bfloat16() else "float32")
