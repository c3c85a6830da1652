//! What the headers of a file say, whatever its format.

use std::error::Error;

use object::elf::FileHeader64;
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::read::macho::{LoadCommandVariant, MachHeader};
use object::{Architecture, BinaryFormat, Endianness, FileKind, Object, ObjectSymbol, SubArchitecture, elf, macho};

use crate::platform::{SystemVersion, system_version};

/// What is read of a file.
#[derive(Debug)]
pub struct Headers {
    /// ELF, Mach-O or PE.
    pub format: BinaryFormat,
    /// The processor.
    pub processor: Architecture,
    /// The kind of it that only some programs of that processor load, such as arm64e.
    pub processor_kind: Option<SubArchitecture>,
    /// The names that others can use.
    pub exports: Vec<String>,
    /// The names that are defined, where the file is not stripped.
    pub symbols: Vec<String>,
    /// The libraries that the system must have.
    pub needs: Vec<String>,
    /// The folders in which they are looked for before the system's.
    pub search_paths: Vec<String>,
    /// The newest glibc that a symbol asks for.
    pub glibc: Option<SystemVersion>,
    /// What it asks of glibc beside a version, such as to understand a newer kind of relocation.
    pub glibc_features: Vec<String>,
    /// The name by which a dylib is found by what was linked to it.
    pub install_name: Option<String>,
    /// The oldest macOS that the file says it is for.
    pub macos: Option<SystemVersion>,
    /// Whether a Mach-O carries a signature.
    pub is_signed: bool,
    /// Whether an ELF asks for a stack that can be executed, as it does where it says nothing of it.
    pub has_executable_stack: bool,
    /// The largest page of memory that an ELF can be loaded with.
    pub page: Option<u64>,
    /// Whether it carries information for debuggers.
    pub has_debug_information: bool,
}

impl Headers {
    /// Reads those of a whole file.
    pub fn read(bytes: &[u8]) -> Result<Self, Box<dyn Error>> {
        match FileKind::parse(bytes) {
            Err(error) => Err(format!("it is neither ELF nor Mach-O nor PE: {error}").into()),
            Ok(FileKind::MachOFat32 | FileKind::MachOFat64) => {
                Err("it is a Mach-O for several processors, and each has a file of its own".into())
            }
            Ok(_) => Self::read_one(bytes).map_err(|error| format!("its headers cannot be read: {error}").into()),
        }
    }

    /// Reads those of a file for one processor.
    fn read_one(bytes: &[u8]) -> Result<Self, Box<dyn Error>> {
        let file = object::File::parse(bytes)?;
        let mut headers = Self {
            format: file.format(),
            processor: file.architecture(),
            processor_kind: file.sub_architecture(),
            exports: file.exports()?.iter().map(|export| text(export.name())).collect(),
            symbols: file
                .symbols()
                .filter(|symbol| symbol.is_definition())
                .filter_map(|symbol| Some(symbol.name().ok()?.to_string()))
                .collect(),
            needs: Vec::new(),
            search_paths: Vec::new(),
            glibc: None,
            glibc_features: Vec::new(),
            install_name: None,
            macos: None,
            is_signed: false,
            has_executable_stack: false,
            page: None,
            has_debug_information: file.has_debug_symbols(),
        };
        match &file {
            object::File::Elf64(_) => headers.read_elf(bytes)?,
            object::File::MachO64(_) => headers.read_mach_o(bytes)?,
            object::File::Pe64(_) => headers.needs = file.imports()?.iter().map(|import| text(import.library())).collect(),
            _ => {}
        }
        headers.needs.sort();
        headers.needs.dedup();
        Ok(headers)
    }

    fn read_elf(&mut self, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
        let header = FileHeader64::<Endianness>::parse(bytes)?;
        let endian = header.endian()?;
        let segments = header.program_headers(endian, bytes)?;
        self.page = segments.iter().filter(|part| part.p_type(endian) == elf::PT_LOAD).map(|part| part.p_align(endian)).min();
        let stack = segments.iter().find(|part| part.p_type(endian) == elf::PT_GNU_STACK);
        self.has_executable_stack = stack.is_none_or(|part| part.p_flags(endian) & elf::PF_X != 0);
        let sections = header.sections(endian, bytes)?;
        if sections.is_empty() {
            return Err("it has no sections, which say what it needs".into());
        }
        if let Some((entries, strings)) = sections.dynamic(endian, bytes)? {
            let strings = sections.strings(endian, bytes, strings)?;
            for entry in entries {
                match entry.tag(endian) {
                    elf::DT_NEEDED => self.needs.push(text(entry.string(endian, strings)?)),
                    elf::DT_RPATH | elf::DT_RUNPATH => self.search_paths.push(text(entry.string(endian, strings)?)),
                    _ => {}
                }
            }
        }
        if let Some((mut needs, strings)) = sections.gnu_verneed(endian, bytes)? {
            let strings = sections.strings(endian, bytes, strings)?;
            while let Some((_, mut versions)) = needs.next()? {
                while let Some(version) = versions.next()? {
                    let name = text(version.name(endian, strings)?);
                    match name.strip_prefix("GLIBC_") {
                        Some(number) if number.starts_with(|first: char| first.is_ascii_digit()) => {
                            self.glibc = self.glibc.max(Some(system_version(number)));
                        }
                        Some(_) => self.glibc_features.push(name),
                        None => {}
                    }
                }
            }
        }
        Ok(())
    }

    fn read_mach_o(&mut self, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
        let header = macho::MachHeader64::<Endianness>::parse(bytes, 0)?;
        let endian = header.endian()?;
        let mut commands = header.load_commands(endian, bytes, 0)?;
        while let Some(command) = commands.next()? {
            self.is_signed |= command.cmd() == macho::LC_CODE_SIGNATURE;
            let oldest = match command.variant()? {
                LoadCommandVariant::IdDylib(dylib) => {
                    self.install_name = Some(text(command.string(endian, dylib.dylib.name)?));
                    continue;
                }
                LoadCommandVariant::Dylib(dylib) => {
                    self.needs.push(text(command.string(endian, dylib.dylib.name)?));
                    continue;
                }
                LoadCommandVariant::Rpath(rpath) => {
                    self.search_paths.push(text(command.string(endian, rpath.path)?));
                    continue;
                }
                LoadCommandVariant::BuildVersion(build) => build.minos.get(endian),
                LoadCommandVariant::VersionMin(build) => build.version.get(endian),
                _ => continue,
            };
            self.macos = Some((oldest >> 16, oldest >> 8 & 0xff));
        }
        Ok(())
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
