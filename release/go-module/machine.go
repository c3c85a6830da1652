package main

import (
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"fmt"
)

// checkMachine gives an error where a library is not for the platform that it is said to be for: a mislabelled one fails only on the user's machine.
func checkMachine(path string, p platform) error {
	var is string
	switch p.OS {
	case "linux":
		file, err := elf.Open(path)
		if err != nil {
			return fmt.Errorf("%s is not for %s: %w", path, p.Name, err)
		}
		defer func() { _ = file.Close() }()
		is = map[elf.Machine]string{elf.EM_X86_64: "x64", elf.EM_AARCH64: "arm64"}[file.Machine]
	case "darwin":
		file, err := macho.Open(path)
		if err != nil {
			return fmt.Errorf("%s is not for %s: %w", path, p.Name, err)
		}
		defer func() { _ = file.Close() }()
		is = map[macho.Cpu]string{macho.CpuAmd64: "x64", macho.CpuArm64: "arm64"}[file.Cpu]
	case "win32":
		file, err := pe.Open(path)
		if err != nil {
			return fmt.Errorf("%s is not for %s: %w", path, p.Name, err)
		}
		defer func() { _ = file.Close() }()
		is = map[uint16]string{pe.IMAGE_FILE_MACHINE_AMD64: "x64", pe.IMAGE_FILE_MACHINE_ARM64: "arm64"}[file.Machine]
	}
	if is != p.CPU {
		return fmt.Errorf("%s is not for %s: it is for another processor", path, p.Name)
	}
	return nil
}
