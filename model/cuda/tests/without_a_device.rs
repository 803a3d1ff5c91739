//! What holds on any machine: errors that say what to install, and, where NVRTC is found, compiling without a device.

use cuda::compile::{Options, Source, compile};
use cuda::device::Architecture;
use cuda::library::Library;
use cuda::{Device, Error};

const HOPPER: Architecture = Architecture { major: 9, minor: 0 };

const SCALE: Source<'_> = Source {
    name: "scale",
    text: r#"#include "twice.cuh"
extern "C" __global__ void scale(float *x, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) x[i] = twice(x[i]) + OFFSET;
}"#,
    headers: &[(
        "twice.cuh",
        "inline float twice(float x) { return 2.0f * x; }",
    )],
};

fn options() -> Options {
    Options {
        fused_multiply_add: true,
        defines: vec![("OFFSET".to_owned(), "1.0f".to_owned())],
    }
}

/// Whether NVRTC is here; where it is not, the error must say what to install.
fn compiler() -> bool {
    match compile(&SCALE, &options(), HOPPER, None) {
        Err(
            error @ Error::Library {
                library: Library::Nvrtc,
                ..
            },
        ) => {
            let message = error.to_string();
            assert!(
                message.contains("libnvrtc.so") && message.contains("cuda-nvrtc"),
                "{message}"
            );
            false
        }
        _ => true,
    }
}

#[test]
fn a_device_that_is_not_there_is_an_error_that_helps() {
    let message = Device::open(4096).unwrap_err().to_string();
    let helps = message.contains("install the NVIDIA driver")
        || message.contains("there is no CUDA device 4096");
    assert!(helps, "{message}");
}

#[test]
fn the_second_time_the_code_comes_from_the_cache() {
    if !compiler() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let take = |options: &Options| compile(&SCALE, options, HOPPER, Some(folder.path())).unwrap();
    let first = take(&options());
    assert!(!first.cached);
    assert!(first.code.starts_with(b"\x7fELF"));
    let second = take(&options());
    assert!(second.cached);
    assert_eq!(first.code, second.code);
    assert!(
        !take(&Options {
            fused_multiply_add: false,
            ..options()
        })
        .cached,
        "other options, other code"
    );
    let entry = std::fs::read_dir(folder.path())
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    std::fs::write(&entry, b"damaged").unwrap();
    let (one, other) = (
        take(&options()),
        take(&Options {
            fused_multiply_add: false,
            ..options()
        }),
    );
    assert!(
        one.cached != other.cached,
        "exactly the damaged entry is compiled anew"
    );
    assert_eq!(one.code, first.code);
}

#[test]
fn an_error_shows_the_compilers_log() {
    if !compiler() {
        return;
    }
    let source = Source {
        name: "broken",
        text: "extern \"C\" __global__ void f() { absent(); }",
        headers: &[],
    };
    let message = compile(&source, &Options::default(), HOPPER, None)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("broken") && message.contains("absent"),
        "{message}"
    );
}
