//! What a plugin sees of the machine.

use std::{collections::HashMap, env, fmt::Debug, fs, io, mem, time::SystemTime};

use wasip2::{
    clocks::monotonic_clock,
    filesystem::{
        preopens,
        types::{DescriptorFlags, OpenFlags, PathFlags},
    },
    random,
};

use crate::to;

pub fn see(what: &str) -> String {
    match what {
        "environment" => format!(
            "{:?} {:?}",
            env::vars().collect::<Vec<_>>(),
            env::args().collect::<Vec<_>>()
        ),
        "clocks" => {
            let since = SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap();
            format!("{} {}", since.as_nanos(), monotonic_clock::now())
        }
        "whether-time-passes" => (monotonic_clock::now() > 0).to_string(),
        "randomness" => {
            let order: HashMap<_, _> = (0..6).map(|key| (key, ())).collect();
            let order: Vec<_> = order.into_keys().collect();
            format!("{} {order:?}", random::random::get_random_u64())
        }
        "files" => [
            kind(fs::read("/etc/passwd")),
            kind(fs::read("../secret.txt")),
            kind(fs::write("/tmp/evil.txt", "x")),
            kind(fs::read_dir("/").map(drop)),
            kind(fs::read_dir(".").map(drop)),
            preopens::get_directories().len().to_string(),
        ]
        .join(" "),
        "around" => around(&to()),
        "sizes" => sizes(&to()),
        "secret" => {
            let secret = env::var("TOKEN").unwrap();
            println!("printed {secret}");
            print!("{}{secret}\n", "x".repeat(4_090));
            eprintln!("told {secret}");
            format!("{secret} and {secret}")
        }
        "secret-in-a-panic" => panic!("the token is {}", env::var("TOKEN").unwrap()),
        _ => "nothing".into(),
    }
}

fn kind<T>(result: io::Result<T>) -> String {
    result.map_or_else(|error| format!("{:?}", error.kind()), |_| "ESCAPED".into())
}

fn code<T, E: Debug>(result: Result<T, E>) -> String {
    result.map_or_else(|error| format!("{error:?}"), |_| "ESCAPED".into())
}

/// Out of a granted folder, which has a link `out` to the folder above it.
fn around(folder: &str) -> String {
    let inside = |path: &str| format!("{folder}/{path}");
    let mut seen = vec![
        kind(fs::read(inside("../secret.txt"))),
        kind(fs::read(inside("out/secret.txt"))),
        kind(fs::read(inside("link.txt"))),
        kind(fs::write(inside("out/new.txt"), "x")),
        kind(fs::write(inside("../new.txt"), "x")),
        kind(fs::rename(inside("own.txt"), inside("../new.txt"))),
        kind(
            fs::hard_link(inside("link.txt"), inside("hard.txt"))
                .and_then(|()| fs::read(inside("hard.txt"))),
        ),
    ];
    let (descriptor, _) = preopens::get_directories().remove(0);
    let open = |path: &str| {
        descriptor.open_at(
            PathFlags::SYMLINK_FOLLOW,
            path,
            OpenFlags::empty(),
            DescriptorFlags::READ,
        )
    };
    seen.push(code(open("/etc/passwd")));
    seen.push(code(open("out/secret.txt")));
    seen.push(code(open("a/../../secret.txt")));
    // A link is not even made: who comes here next might follow it.
    seen.push(code(descriptor.symlink_at("..", "mine")));
    seen.push(code(open("mine/secret.txt")));
    seen.push(code(descriptor.symlink_at("own.txt", "beside")));
    let absolute = descriptor.symlink_at("/etc/passwd", "absolute");
    seen.push(code(absolute.and_then(|()| open("absolute"))));
    seen.join(" ")
}

/// Streams that are given more than they may take, files held open.
fn sizes(how: &str) -> String {
    let (folder, _) = preopens::get_directories().remove(0);
    let open = |name: &str| {
        let flags = DescriptorFlags::READ | DescriptorFlags::WRITE;
        folder
            .open_at(PathFlags::empty(), name, OpenFlags::CREATE, flags)
            .unwrap()
    };
    match how {
        "streams" => {
            let file = open("large");
            let region = vec![1_u8; 7 << 20];
            for _ in 0..200 {
                let stream = file.write_via_stream(0).unwrap();
                stream.write(&region).unwrap();
                mem::forget(stream);
            }
        }
        "small-streams" => {
            let file = open("large");
            let region = vec![1_u8; 1 << 16];
            for _ in 0..200 {
                let stream = file.write_via_stream(0).unwrap();
                stream.write(&region).unwrap();
                mem::forget(stream);
            }
        }
        "zeroes" => {
            let stream = open("large").write_via_stream(0).unwrap();
            stream.write_zeroes(u64::MAX).unwrap();
        }
        "read" => {
            let file = open("large");
            file.set_size(1 << 40).unwrap();
            drop(file.read(u64::MAX, 0).unwrap());
            let stream = file.read_via_stream(0).unwrap();
            drop(stream.blocking_read(u64::MAX).unwrap());
        }
        // The same listing many times.
        "listings" => {
            let long = "x".repeat(200);
            (0..1_000).for_each(|n| drop(open(&format!("{long}{n}"))));
            let mut listed = 0;
            for _ in 0..200 {
                listed += u32::from(folder.read_directory().map(mem::forget).is_ok());
            }
            return format!("{listed} listings");
        }
        "files" => (0..2_000).for_each(|_| mem::forget(open("held"))),
        "long-paths" => {
            let path = "x/".repeat(3 << 20);
            let opened = folder.open_at(
                PathFlags::empty(),
                &path,
                OpenFlags::CREATE,
                DescriptorFlags::WRITE,
            );
            return code(opened);
        }
        _ => {}
    }
    "done".into()
}
