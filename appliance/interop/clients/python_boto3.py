#!/usr/bin/python3
"""boto3 as Debian has it, and with the newest defaults when python3 on PATH has a newer one."""
import os, subprocess, sys, shutil

def main():
    import boto3
    from botocore.config import Config
    print("boto3", boto3.__version__)
    e = os.environ
    verify = e["CA"] if e["SCHEME"] == "https" else True
    s3 = boto3.client("s3", endpoint_url=e["ENDPOINT"], region_name=e["REGION"], verify=verify,
                      config=Config(s3={"addressing_style": "path"}))
    bucket = e["BUCKET"] + boto3.__version__.replace(".", "-")
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    names = []
    for base, _, files in os.walk(e["TREE"]):
        for f in files:
            path = os.path.join(base, f)
            key = os.path.relpath(path, e["TREE"])
            s3.upload_file(path, bucket, key, ExtraArgs={"Metadata": {"origin": "interop"}})
            names.append((key, path))
    for key, path in names:
        s3.download_file(bucket, key, "out")
        assert open("out", "rb").read() == open(path, "rb").read(), key
        assert s3.head_object(Bucket=bucket, Key=key)["Metadata"] == {"origin": "interop"}
    listed = [o["Key"] for p in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 3})
              for o in p.get("Contents", [])]
    assert listed == sorted((k for k, _ in names), key=lambda k: k.encode()), listed
    with open(e["TREE"] + "/a b.bin", "rb") as f:  # a stream, not a file name
        s3.put_object(Bucket=bucket, Key="stream", Body=f)
    body = s3.get_object(Bucket=bucket, Key="stream", Range="bytes=100-199")["Body"].read()
    assert body == open(e["TREE"] + "/a b.bin", "rb").read()[100:200]
    s3.copy({"Bucket": bucket, "Key": "big.bin"}, bucket, "big copy")
    assert s3.head_object(Bucket=bucket, Key="big copy")["ContentLength"] == os.path.getsize(e["BIG"])
    s3.delete_object(Bucket=bucket, Key="stream")
    import boto3 as b
    res = b.resource("s3", endpoint_url=e["ENDPOINT"], region_name=e["REGION"], verify=verify)
    res.Bucket(bucket).object_versions.delete()
    s3.delete_bucket(Bucket=bucket)

main()
other = shutil.which("python3")
if other and other != sys.executable and "BOTO3_AGAIN" not in os.environ:
    # A version manager on PATH wants the real home directory.
    again = {**os.environ, "BOTO3_AGAIN": "1", "HOME": os.environ.get("REAL_HOME", os.environ["HOME"])}
    code = subprocess.run([other, "-c", "import boto3"], env=again, stderr=subprocess.DEVNULL).returncode
    if code == 0:
        subprocess.run([other, __file__], env=again, check=True)
