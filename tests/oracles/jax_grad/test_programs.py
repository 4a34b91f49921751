"""What is compiled, how often, with how many bits, and where it is kept."""

import itertools
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from oracle_cases import NETWORKS, close, flat, network_ids, small_network

pytest.importorskip("jax")
pytest.importorskip("optax")

import jax
import jax.numpy as jnp

from oracles import finite_difference as fd
from oracles import jax_grad as oracle
from oracles.jax_grad import programs
from oracles.jax_grad.network import _program


def test_64_bits_are_on_and_off_for_what_is_narrower():
    assert jnp.ones(1).dtype == "float64"
    seen = []
    for dtype in ("float32", "float64"):
        with programs.precision([np.ones(1, dtype)]):
            seen.append(str(jnp.ones(1).dtype))
    assert seen == ["float32", "float64"]
    assert jnp.ones(1).dtype == "float64"


def test_a_definition_is_compiled_once_for_each_set_of_parameters():
    before = programs._program.cache_info().currsize
    for _ in range(2):
        for beta in (3.5, 2, 2.0):  # the last two are equal, and yet other numbers
            oracle.vjp("activation/softplus", {"z": np.ones(3)}, beta=beta)
    assert programs._program.cache_info().currsize == before + 3


def test_one_program_is_any_configuration():
    """Chosen at run time from a table of several, which is compiled once."""
    given = small_network((2,))
    few = [network_ids(NETWORKS[k]) for k in (3, 4, 6)]
    families = [list(dict.fromkeys(ids[part] for ids in few)) for part in ("hidden", "output", "cost")]
    ends = {ids["cost"]: ids["ends"] for ids in few}
    before = _program.cache_info().currsize
    for hidden, output, cost in itertools.product(*families):
        ids = {**few[0], "hidden": hidden, "output": output, "cost": cost, "ends": ends}
        close(flat(oracle.network(*given, **ids, among=families)), flat(fd.network(*given, **ids)), 1e-12)
    assert _program.cache_info().currsize == before + 1


def test_a_configuration_outside_of_the_table_is_refused():
    ids = network_ids(NETWORKS[0])
    with pytest.raises(ValueError, match="not in tuple"):
        oracle.network(*small_network(), **ids, among=[["activation/tanh"], ["activation/sigmoid"], ["cost/l1"]])


def test_programs_are_kept_where_they_are_told_to_be(tmp_path):
    before = jax.config.jax_compilation_cache_dir
    try:
        oracle.cache_programs(str(tmp_path))
        assert jax.config.jax_compilation_cache_dir == str(tmp_path)
    finally:
        jax.config.update("jax_compilation_cache_dir", before)


def test_forgotten_programs_are_made_again_with_the_same_bits():
    ids = network_ids(NETWORKS[0])
    first = flat(oracle.network(*small_network(), **ids)), oracle.vjp("activation/tanh", {"z": np.ones(3)})[1]
    remembered = (_program, programs._program)
    assert all(program.cache_info().currsize for program in remembered)
    oracle.forget_programs()
    assert not any(program.cache_info().currsize for program in remembered)
    again = flat(oracle.network(*small_network(), **ids)), oracle.vjp("activation/tanh", {"z": np.ones(3)})[1]
    for got, wanted in zip(again, first, strict=True):
        close(got, wanted, 0)


PLACED = """
import jax, numpy as np
from oracles import jax_grad as oracle
real = jax.devices
before = oracle.vjp("activation/gelu", {"z": np.array([-1.0, 0.5], np.float32)})
jax.devices = lambda kind: real("cpu") if kind == "cuda" else real(kind)  # two GPUs, played by two CPUs
oracle.programs._look_for = lambda platforms: None
assert oracle.place("cuda:1") == "cpu"
z = jax.jit(lambda z: z)(np.ones(2))
assert z.devices() == {real("cpu")[1]}, z.devices()
outputs, gradients = oracle.vjp("activation/gelu", {"z": np.array([-1.0, 0.5], np.float32)})
assert type(outputs["value"]) is np.ndarray
assert outputs["value"].tolist() == before[0]["value"].tolist()
oracle.place("cpu")
assert jax.jit(lambda z: z)(np.ones(2)).devices() == {real("cpu")[0]}
print("moved")
"""


def test_arrays_go_to_the_device_and_answers_come_back():
    """In a process of its own, whose CPU is two devices."""
    root = str(pathlib.Path(oracle.__file__).parents[2])
    flags = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2", "PYTHONPATH": root}
    done = subprocess.run([sys.executable, "-c", PLACED], env=flags, capture_output=True, text=True, timeout=200)
    assert (done.stdout, done.returncode) == ("moved\n", 0), done.stderr


@pytest.mark.parametrize("device", ["cuda", "cuda:7", "nowhere"])
def test_a_device_that_is_not_there_is_refused_and_nothing_changes(device):
    if device == "cuda" and any(d.platform == "gpu" for d in jax.devices()):
        pytest.skip("it is there")
    with pytest.raises(LookupError, match=f"JAX has no {device} here"):
        oracle.place(device)
    assert oracle.place("cpu") == "cpu"
    assert jax.config.jax_platforms == "cpu"
    assert oracle.vjp("activation/relu", {"z": np.ones(3)})[1]["z"].tolist() == [1, 1, 1]
