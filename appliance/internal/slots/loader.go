package slots

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// modules are what GRUB needs to find and start a slot.
const modules = "part_gpt part_msdos normal linux search search_label configfile echo test serial terminal loadenv sleep reboot halt minicmd all_video gzio ext2"

// early is inside GRUB's own images: it finds the system partition by its label.
const early = `search --no-floppy --set=root --label MUCURA-SYS
set prefix=($root)/boot/grub
configfile ($root)/boot/grub/grub.cfg
`

// bootImg is GRUB's boot sector, of Debian's grub-pc-bin.
const bootImg = "/usr/lib/grub/i386-pc/boot.img"

// loaders makes the disk start by BIOS and by UEFI. Neither part mounts anything
// or asks the kernel what is where, so it works in containers too.
func (m *Manager) loaders(ctx context.Context, disk, esp string) error {
	tmp := m.Host.Path("/tmp")
	if err := os.MkdirAll(tmp, 0o777); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(tmp, "mucura-grub-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "early.cfg"), []byte(early), 0o644); err != nil {
		return err
	}
	core, err := m.image(ctx, dir, "i386-pc", "biosdisk")
	if err != nil {
		return err
	}
	if err := m.bios(disk, core); err != nil {
		return fmt.Errorf("boot sector: %w", err)
	}
	efi, err := m.image(ctx, dir, "x86_64-efi", "efi_gop efi_uga fat efifwsetup")
	if err != nil {
		return err
	}
	if err := m.esp(ctx, filepath.Join(dir, "esp"), efi, esp); err != nil {
		return fmt.Errorf("EFI system partition: %w", err)
	}
	return nil
}

// espSize is the length of the EFI system partition, bytes.
const espSize = 64 << 20

// esp makes the EFI system partition in a file, and writes it to its place.
// GRUB is at the path of removable disks, which every firmware looks at without
// being told.
func (m *Manager) esp(ctx context.Context, image, efi, part string) error {
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		return err
	}
	if err := os.Truncate(image, espSize); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"mformat", "-i", image, "-v", "MUCURA-ESP", "::"},
		{"mmd", "-i", image, "::/EFI", "::/EFI/BOOT"},
		{"mcopy", "-i", image, efi, "::/EFI/BOOT/BOOTX64.EFI"},
	} {
		if _, err := m.Host.Do(ctx, args...); err != nil {
			return err
		}
	}
	in, err := os.Open(image)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(m.Host.Path(part), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

// image makes one of GRUB's images.
func (m *Manager) image(ctx context.Context, dir, platform, more string) (string, error) {
	out := filepath.Join(dir, platform)
	args := append([]string{"grub-mkimage", "-O", platform, "-o", out, "-p", "/boot/grub", "-c", filepath.Join(dir, "early.cfg")}, strings.Fields(modules+" "+more)...)
	_, err := m.Host.Do(ctx, args...)
	return out, err
}

// Offsets in GRUB's images, as grub-bios-setup fills them in (boot.h, diskboot.h).
const (
	sectorSize   = 512
	codeSize     = 440  // of the boot sector; the rest is the partition table's
	kernelSector = 0x5c // in boot.img: where core.img begins
	driveCheck   = 0x66 // in boot.img: a jump that trusts the BIOS's drive number
	blockList    = 0x1f4
	coreSegment  = 0x820 // where the rest of core.img is loaded to
	biosStart    = 2048  // sector of the first partition, and its length
)

// bios writes the boot sector, and GRUB's core into its own partition.
func (m *Manager) bios(disk, corePath string) error {
	boot, err := os.ReadFile(bootImg)
	if err != nil {
		return err
	}
	core, err := os.ReadFile(corePath)
	if err != nil {
		return err
	}
	if pad := len(core) % sectorSize; pad > 0 {
		core = append(core, make([]byte, sectorSize-pad)...)
	}
	sectors := len(core) / sectorSize
	if len(boot) != sectorSize || sectors < 2 || sectors > biosStart {
		return fmt.Errorf("GRUB's images have %d and %d bytes", len(boot), len(core))
	}
	binary.LittleEndian.PutUint64(boot[kernelSector:], biosStart)
	copy(boot[driveCheck:], []byte{0x90, 0x90})
	binary.LittleEndian.PutUint64(core[blockList:], biosStart+1)
	binary.LittleEndian.PutUint16(core[blockList+8:], uint16(sectors-1))
	binary.LittleEndian.PutUint16(core[blockList+10:], coreSegment)
	f, err := os.OpenFile(m.Host.Path(disk), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(core, biosStart*sectorSize)
	if err == nil {
		_, err = f.WriteAt(boot[:codeSize], 0)
	}
	return errors.Join(err, f.Sync(), f.Close())
}
