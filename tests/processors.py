"""The numeric tests on other processors, as far as this one can play them: `make test-processors`.

How sums are rounded depends on the code paths that OpenBLAS, NumPy, PyTorch and numba choose for a
processor, and on the number of threads. Each environment below runs in a process of its own; what
hangs on the last bits fails in one of them.
"""

import os
import platform
import subprocess
import sys
import time
from pathlib import Path

NUMERIC = ("stats", "tables", "claims", "world", "test_shipped.py")
TESTS = Path(__file__).parent


def flags() -> set[str]:
    """What this processor says it can do; nothing where it is not asked so."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return set()
    line = next((x for x in path.read_text().splitlines() if x.startswith("flags")), "")
    return set(line.partition(":")[2].split())


def environments() -> dict[str, dict[str, str]]:
    """Name -> variables: as it is; every kind of core that this processor can play; and, on x86, a
    processor without AVX2. Each with one thread or two, and numba's code for any processor."""
    cores: dict[str, dict[str, str]] = {"as it is": {}}
    can = flags()
    if "avx2" in can:
        cores |= {c: {"OPENBLAS_CORETYPE": c} for c in ("Haswell", "Zen")}
    if "avx512f" in can:
        cores["SkylakeX"] = {"OPENBLAS_CORETYPE": "SkylakeX"}
    if platform.machine() == "x86_64":
        old = {"OPENBLAS_CORETYPE": "Nehalem", "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4"}
        cores["Nehalem"] = old | {"ATEN_CPU_CAPABILITY": "default"}
    out: dict[str, dict[str, str]] = {"as it is": {}}
    for name, core in cores.items():
        for threads in ("1", "2"):
            number = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
            capable = {"ATEN_CPU_CAPABILITY": "avx2"} if "avx2" in can else {}
            generic = {"NUMBA_CPU_NAME": "generic", "NUMBA_NUM_THREADS": threads}
            out[f"{name}, generic numba, {threads} threads"] = capable | core | number | generic
    return out


def main() -> int:
    """Run the tests in every environment, and say which of them fail."""
    failed = []
    every = environments()
    for n, (name, variables) in enumerate(every.items(), 1):
        began = time.monotonic()
        print(f"[{n}/{len(every)}] {name}", flush=True)
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
        command += [str(TESTS / part) for part in NUMERIC]
        if subprocess.run(command, env=os.environ | variables, cwd=TESTS.parent).returncode:
            failed.append(name)
        print(f"    {time.monotonic() - began:.0f} s", flush=True)
    print("All agree." if not failed else f"Failed: {'; '.join(failed)}.")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
