# For Packer 1.7 and later only ("packer init packer"): Debian's 1.6.6 has the
# QEMU builder built in and does not know this block, so build it with the single
# file mucura.pkr.hcl, which packer.sh does with either.
packer {
  required_plugins {
    qemu = {
      source  = "github.com/hashicorp/qemu"
      version = ">= 1.1.0"
    }
  }
}
