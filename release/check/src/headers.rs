//! What the headers of a file say, whatever its format.

use std::error::Error;

use object::elf::FileHeader64;
use object::read::elf::{Dyn, FileHeader};
use object::read::macho::{LoadCommandVariant, MachHeader};
use object::{Architecture, BinaryFormat, Endianness, Object, ObjectSymbol, elf, macho};

use crate::platform::{SystemVersion, system_version};

/// What is read of a file.
#[derive(Debug)]
pub struct Headers {
    /// ELF, Mach-O or PE.
    pub format: BinaryFormat,
    /// The processor.
    pub processor: Architecture,
    /// The names that others can use.
    pub exports: Vec<String>,
    /// The names that are defined, where the file is not stripped.
    pub symbols: Vec<String>,
    /// The libraries that the system must have.
    pub needs: Vec<String>,
    /// The newest glibc that a symbol asks for.
    pub glibc: Option<SystemVersion>,
    /// The name by which a dylib is found by what was linked to it.
    pub install_name: Option<String>,
    /// The oldest macOS that the file says it is for.
    pub macos: Option<SystemVersion>,
    /// Whether it carries information for debuggers.
    pub has_debug_information: bool,
}

impl Headers {
    /// Reads those of a whole file.
    pub fn read(bytes: &[u8]) -> Result<Self, Box<dyn Error>> {
        let file = object::File::parse(bytes)?;
        let mut headers = Self {
            format: file.format(),
            processor: file.architecture(),
            exports: file.exports()?.iter().map(|export| text(export.name())).collect(),
            symbols: file
                .symbols()
                .filter(|symbol| symbol.is_definition())
                .filter_map(|symbol| Some(symbol.name().ok()?.to_string()))
                .collect(),
            needs: Vec::new(),
            glibc: None,
            install_name: None,
            macos: None,
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
        let sections = header.sections(endian, bytes)?;
        if let Some((entries, strings)) = sections.dynamic(endian, bytes)? {
            let strings = sections.strings(endian, bytes, strings)?;
            for entry in entries.iter().filter(|entry| entry.tag(endian) == elf::DT_NEEDED) {
                self.needs.push(text(entry.string(endian, strings)?));
            }
        }
        if let Some((mut needs, strings)) = sections.gnu_verneed(endian, bytes)? {
            let strings = sections.strings(endian, bytes, strings)?;
            while let Some((_, mut versions)) = needs.next()? {
                while let Some(version) = versions.next()? {
                    if let Some(number) = text(version.name(endian, strings)?).strip_prefix("GLIBC_") {
                        self.glibc = self.glibc.max(Some(system_version(number)));
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
            let oldest = match command.variant()? {
                LoadCommandVariant::IdDylib(dylib) => {
                    self.install_name = Some(text(command.string(endian, dylib.dylib.name)?));
                    continue;
                }
                LoadCommandVariant::Dylib(dylib) => {
                    self.needs.push(text(command.string(endian, dylib.dylib.name)?));
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
