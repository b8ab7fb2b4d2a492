"""What a gallery costs: seconds, memory and bytes of notebook, measured and printed by hand.

    python benchmarks/gallery.py

The pictures are as hard as photographs get: light and shade under coarse film grain, 1024 by 1024 pixels.
The promises: 100 of them in 2.5 s, 150 MB and 1 MB of notebook; one of them in 60 kB.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from skytells_nb.display import gallery, mimebundle, notebook_bytes
from skytells_nb.models import Prediction, PredictionList


def picture(seed: int, side: int = 1024) -> Image.Image:
    coarse = [Image.effect_noise((side // 2, side // 2), 40).resize((side, side)) for _ in range(3)]
    fine = [Image.effect_noise((side, side), 30) for _ in range(3)]
    grain = Image.blend(Image.merge("RGB", coarse), Image.merge("RGB", fine), 0.4)
    slope = Image.linear_gradient("L").resize((side, side)).rotate(90 * (seed % 4))
    light = Image.radial_gradient("L").resize((side, side)).rotate(30 * seed)
    plain = Image.merge("RGB", (slope, light, slope.transpose(Image.Transpose.FLIP_LEFT_RIGHT)))
    return Image.blend(plain, grain, 0.5)


def prediction(folder: Path, seed: int, suffix: str) -> Prediction:
    path = folder / f"1431-a-field-in-grainy-light-{seed:03d}{suffix}"
    picture(seed).save(path, quality=92)
    raw = {
        "id": f"3b0c1f0a-5f0e-4a53-9c53-{seed:012d}",
        "status": "succeeded",
        "model": {"name": "truefusion-pro", "type": "image"},
        "input": {"prompt": f"a field in grainy light, take {seed}, 35 mm, late afternoon, long shadows"},
        "output": [f"https://delivery.example/{seed}{suffix}"],
        "metrics": {"total_time": 10.5},
        "metadata": {"billing": {"credits_used": 0.02}},
    }
    found = Prediction.from_api(raw)
    return Prediction(**{**{k: getattr(found, k) for k in Prediction.__slots__}, "files": (path,)})


def peak() -> float:
    """Megabytes of real memory this process has taken at most."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage counts the parent's memory too, from before the exec
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1000
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def measure(name: str, work: Callable[[], str]) -> None:
    work()  # imports, fonts, plugins
    start, work_before = time.perf_counter(), time.process_time()
    html = work()
    seconds, cores = time.perf_counter() - start, time.process_time() - work_before
    size = notebook_bytes(html) / 1e3
    print(f"{name:28} {seconds:6.2f} s  ({cores:5.2f} s of work)  {size:8.1f} kB")


def first_peak(folder: Path) -> str:
    """Measure the extra memory of the first gallery in a process of its own."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); from gallery import *\n"
        "paths = sorted(Path(sys.argv[1]).glob('*.png'))[:100]\n"
        "ps = [Prediction(id=str(i), status='succeeded', files=(p,)) for i, p in enumerate(paths)]\n"
        "gallery(ps[:2]).html; before = peak(); gallery(ps).html; print(f'{peak() - before:.0f}')"
    )
    command = [sys.executable, "-c", code, str(folder), str(Path(__file__).parent)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print("drawing 120 pictures ...")
        pngs = [prediction(folder, seed, ".png") for seed in range(100)]
        jpegs = [prediction(folder, seed, ".jpg") for seed in range(20)]
        measure("one prediction, 1024² PNG", lambda: mimebundle(pngs[0])["text/html"])
        measure("gallery of 9, 1024² PNG", lambda: gallery(pngs[:9]).html)
        measure("gallery of 20, 1024² JPEG", lambda: gallery(jpegs).html)
        measure("gallery of 100, 1024² PNG", lambda: gallery(pngs).html)
        measure("list of 100, 1024² PNG", lambda: mimebundle(PredictionList(pngs))["text/html"])
        tracemalloc.start()
        gallery(pngs).html  # noqa: B018
        traced = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        real = first_peak(folder)
        print(f"memory of 100: {traced:.0f} MB of Python objects; {real} MB more real memory in all")
        start = time.perf_counter()
        sheet = gallery(pngs).to_image()
        print(f"contact sheet of 100: {time.perf_counter() - start:.2f} s, {sheet.width} × {sheet.height}")


if __name__ == "__main__":
    main()
