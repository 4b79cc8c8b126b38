#!/usr/bin/python3
"""gfal2, the grid's file access library, through its HTTP plug-in."""
import os, sys, subprocess
try:
    import gfal2
except ImportError:
    print("python3-gfal2 is not installed"); sys.exit(77)
e = os.environ
subprocess.run([e["MAKE_BUCKET"], e["BUCKET"]], check=True)
ctx = gfal2.creat_context()
group = "S3:" + e["HOST"].split(":")[0].upper()
for g in (group, "S3:" + e["HOST"].upper(), "S3"):
    ctx.set_opt_string(g, "ACCESS_KEY", e["AWS_ACCESS_KEY_ID"])
    ctx.set_opt_string(g, "SECRET_KEY", e["AWS_SECRET_ACCESS_KEY"])
    ctx.set_opt_string(g, "REGION", e["REGION"])
    ctx.set_opt_boolean(g, "ALTERNATE", True)
ctx.set_opt_boolean("HTTP PLUGIN", "INSECURE", True)
base = ("s3s" if e["SCHEME"] == "https" else "s3") + "://" + e["HOST"] + "/" + e["BUCKET"]
p = ctx.transfer_parameters()
p.overwrite = True
for name in ("big.bin", "plus+plus.bin"):
    local = e["TREE"] + "/" + name
    ctx.filecopy(p, "file://" + local, base + "/dir/" + name.replace("+", "-"))
    ctx.filecopy(p, base + "/dir/" + name.replace("+", "-"), "file://" + os.getcwd() + "/back")
    assert open("back", "rb").read() == open(local, "rb").read(), name
assert ctx.stat(base + "/dir/big.bin").st_size == os.path.getsize(e["BIG"])
assert "big.bin" in ctx.listdir(base + "/dir"), ctx.listdir(base + "/dir")
ctx.unlink(base + "/dir/big.bin")
