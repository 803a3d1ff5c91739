//! Kernels compiled at run time for the device at hand, and kept as machine code in the user's cache folder.

use std::ffi::{CString, c_char};
use std::path::{Path, PathBuf};

use cudarc::nvrtc::sys as rtc;

use crate::cache;
use crate::device::Architecture;
use crate::error::{Error, Result};
use crate::library::Library;
use crate::status::Status;

/// CUDA C++ to be compiled: a main text and the texts that it includes by name.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The name that errors show.
    pub name: &'a str,
    /// The main text.
    pub text: &'a str,
    /// Name and text of what it includes.
    pub headers: &'a [(&'a str, &'a str)],
}

/// How to compile.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Whether a product and a sum may become one operation with one rounding.
    pub fused_multiply_add: bool,
    /// Macros to define, each with its value.
    pub defines: Vec<(String, String)>,
}

impl Options {
    fn arguments(&self, architecture: Architecture) -> Vec<String> {
        let mut arguments = vec![
            format!("--gpu-architecture={}", architecture.target()),
            "--std=c++17".to_owned(),
            "-default-device".to_owned(),
            format!("--fmad={}", self.fused_multiply_add),
        ];
        arguments.extend(
            self.defines
                .iter()
                .map(|(name, value)| format!("-D{name}={value}")),
        );
        arguments
    }
}

/// Machine code for one architecture.
#[derive(Debug, Clone)]
pub struct Cubin {
    /// The name of its source.
    pub name: String,
    /// The code.
    pub code: Vec<u8>,
    /// Whether it came from the cache.
    pub cached: bool,
}

/// Compiles for `architecture`, or takes the code from the folder `cache` if the very same text was compiled before by
/// the same compiler with the same options. A damaged entry is compiled anew; a folder that cannot be written is only
/// slower.
pub fn compile(
    source: &Source<'_>,
    options: &Options,
    architecture: Architecture,
    cache: Option<&Path>,
) -> Result<Cubin> {
    Library::Nvrtc.require()?;
    let arguments = options.arguments(architecture);
    let file = cache
        .map(|folder| entry(folder, source, &arguments))
        .transpose()?;
    let kept = file.as_deref().and_then(cache::read);
    let cached = kept.is_some();
    let code = match kept {
        Some(code) => code,
        None => {
            let code = build(source, &arguments)?;
            if let Some(file) = &file {
                cache::write(file, &code);
            }
            code
        }
    };
    Ok(Cubin {
        name: source.name.to_owned(),
        code,
        cached,
    })
}

/// The file of the cache for this text, these options and the compiler at hand.
fn entry(folder: &Path, source: &Source<'_>, arguments: &[String]) -> Result<PathBuf> {
    let (mut major, mut minor) = (0, 0);
    // SAFETY: both pointers are to live integers.
    unsafe { rtc::nvrtcVersion(&mut major, &mut minor).check("nvrtcVersion")? };
    let mut hasher = blake3::Hasher::new();
    let version = format!("nvrtc {major}.{minor}");
    let headers = source
        .headers
        .iter()
        .flat_map(|(name, text)| [*name, *text]);
    let parts = [version.as_str(), source.name, source.text]
        .into_iter()
        .chain(headers);
    for part in parts.chain(arguments.iter().map(String::as_str)) {
        // With its length, so that no two lists of parts read the same.
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    Ok(folder.join(format!("{}.cubin", hasher.finalize().to_hex())))
}

fn text(value: &str) -> Result<CString> {
    CString::new(value)
        .map_err(|_| Error::contract("compile a kernel", "a text contains a zero byte"))
}

fn pointers(texts: &[CString]) -> Vec<*const c_char> {
    texts.iter().map(|text| text.as_ptr()).collect()
}

fn build(source: &Source<'_>, arguments: &[String]) -> Result<Vec<u8>> {
    let main = text(source.text)?;
    let name = text(source.name)?;
    let header_names = source
        .headers
        .iter()
        .map(|(name, _)| text(name))
        .collect::<Result<Vec<_>>>()?;
    let headers = source
        .headers
        .iter()
        .map(|(_, header)| text(header))
        .collect::<Result<Vec<_>>>()?;
    let arguments = arguments
        .iter()
        .map(|argument| text(argument))
        .collect::<Result<Vec<_>>>()?;
    let mut program = Program(std::ptr::null_mut());
    // SAFETY: every text outlives the call and ends in a zero byte; the lists have the lengths given.
    unsafe {
        rtc::nvrtcCreateProgram(
            &mut program.0,
            main.as_ptr(),
            name.as_ptr(),
            headers.len() as i32,
            pointers(&headers).as_ptr(),
            pointers(&header_names).as_ptr(),
        )
        .check("nvrtcCreateProgram")?;
    }
    // SAFETY: the program was created, and the list has the length given.
    let status = unsafe {
        rtc::nvrtcCompileProgram(
            program.0,
            arguments.len() as i32,
            pointers(&arguments).as_ptr(),
        )
    };
    if status == rtc::nvrtcResult::NVRTC_ERROR_COMPILATION {
        return Err(Error::Compile {
            name: source.name.to_owned(),
            log: program.log()?,
        });
    }
    status.check("nvrtcCompileProgram")?;
    let mut size = 0;
    // SAFETY: the pointer is to a live integer.
    unsafe { rtc::nvrtcGetCUBINSize(program.0, &mut size).check("nvrtcGetCUBINSize")? };
    let mut code = vec![0u8; size];
    // SAFETY: the compiler writes the size that it told.
    unsafe { rtc::nvrtcGetCUBIN(program.0, code.as_mut_ptr().cast()).check("nvrtcGetCUBIN")? };
    Ok(code)
}

struct Program(rtc::nvrtcProgram);

impl Program {
    fn log(&self) -> Result<String> {
        let mut size = 0;
        // SAFETY: the pointer is to a live integer.
        unsafe { rtc::nvrtcGetProgramLogSize(self.0, &mut size).check("nvrtcGetProgramLogSize")? };
        let mut log = vec![0u8; size];
        // SAFETY: the compiler writes the size that it told, the closing zero byte included.
        unsafe {
            rtc::nvrtcGetProgramLog(self.0, log.as_mut_ptr().cast()).check("nvrtcGetProgramLog")?
        };
        Ok(String::from_utf8_lossy(&log)
            .trim_end_matches(['\0', '\n'])
            .to_owned())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: created by nvrtcCreateProgram, destroyed once.
            unsafe { rtc::nvrtcDestroyProgram(&mut self.0) };
        }
    }
}
