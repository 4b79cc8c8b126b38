# Installs the appliance's ISO on a virtual disk, restarts from that disk, looks
# whether it is healthy, and leaves a qcow2 that nobody has claimed. Only features
# that Packer 1.6.6 has, too. packer.sh gives the variables.

variable "iso" {
  type        = string
  description = "The ISO that \"make appliance\" made."
}

variable "iso_checksum" {
  type        = string
  description = "Its checksum, such as sha256:0123…"
}

variable "version" {
  type        = string
  description = "Version of the image, part of the artifact's name."
}

variable "seed" {
  type        = list(string)
  description = "Files of the seed volume: mucura.yaml with the key of the build."
}

variable "ssh_key" {
  type        = string
  description = "Private key of the build, of which the seed has the public one. It is not in the artifact."
}

variable "output" {
  type        = string
  default     = "out/packer"
  description = "Directory of the artifact; must not exist."
}

variable "disk_size" {
  type        = string
  default     = "8G"
  description = "Virtual size; the data partition grows with a larger disk at its first start."
}

variable "accelerator" {
  type        = string
  default     = "kvm"
  description = "Of QEMU: kvm, tcg, hvf or none."
}

variable "cpu" {
  type        = string
  default     = "host"
  description = "Model of CPU; qemu64 is the quickest to emulate."
}

variable "memory" {
  type    = number
  default = 1024
}

locals {
  name = "mucura-${var.version}-amd64"
}

source "qemu" "appliance" {
  iso_url      = var.iso
  iso_checksum = var.iso_checksum

  accelerator     = var.accelerator
  machine_type    = "q35"
  memory          = var.memory
  cpus            = 1
  headless        = true
  net_device      = "virtio-net"
  disk_interface  = "virtio"
  cdrom_interface = "ide"
  cd_files        = var.seed
  cd_label        = "MUCURA-SEED"
  # The forward of the builder's own would be open to the network.
  qemuargs = [
    ["-cpu", var.cpu],
    ["-netdev", "user,id=user.0,hostfwd=tcp:127.0.0.1:{{ .SSHHostPort }}-:22"],
    ["-device", "virtio-rng-pci"],
    ["-serial", "file:${var.output}.serial.log"],
  ]

  format           = "qcow2"
  disk_size        = var.disk_size
  disk_compression = true
  output_directory = var.output
  vm_name          = "${local.name}.qcow2"

  boot_wait              = "5s"
  communicator           = "ssh"
  ssh_username           = "root"
  ssh_private_key_file   = var.ssh_key
  ssh_timeout            = "45m"
  ssh_handshake_attempts = 400

  # The artifact is nobody's: no key, no certificate, no account. The blank
  # partition gets its file system at the first start of each machine.
  shutdown_command = "/usr/lib/mucura/forget-data && systemctl poweroff"
  shutdown_timeout = "20m"
}

build {
  name    = "mucura"
  sources = ["source.qemu.appliance"]

  provisioner "shell" {
    inline = ["mucurad-appliance install /dev/vda"]
  }

  provisioner "shell" {
    inline            = ["systemctl reboot"]
    expect_disconnect = true
    pause_after       = "10s"
  }

  provisioner "shell" {
    script              = "${path.root}/scripts/healthy.sh"
    start_retry_timeout = "45m"
    timeout             = "45m"
  }

  post-processor "checksum" {
    checksum_types = ["sha256"]
    output         = "${var.output}/SHA256SUMS"
  }

  post-processor "manifest" {
    output     = "${var.output}/manifest.json"
    strip_path = true
  }
}
