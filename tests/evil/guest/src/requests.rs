//! HTTP requests.

use std::mem;

use wasip2::http::{
    outgoing_handler::handle,
    types::{ErrorCode, Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme},
};

use crate::to;

pub fn send(what: &str) -> String {
    let server = to();
    let (host, port) = server.rsplit_once(':').unwrap_or((&server, "80"));
    match what {
        "plain" => told(get(&server)),
        "spellings" => {
            let other = port.parse::<u16>().unwrap() ^ 1;
            let spellings = [
                format!("[::ffff:127.0.0.1]:{other}"),
                format!("{host}:{other}"),
                format!("2130706433:{port}"),
                format!("0x7f.1:{port}"),
                format!("user@{server}"),
                format!("{server}@evil.test:80"),
                format!("localhost:{port}"),
            ];
            spellings.map(|server| told(get(&server))).join(" ")
        }
        "mapped" => told(get(&format!("[::ffff:127.0.0.1]:{port}"))),
        "host-header" => {
            let fields = Fields::new();
            let set = ["host", "Host", "connection", "transfer-encoding"]
                .map(|name| format!("{:?}", fields.append(name, b"evil.test")));
            let split = fields.append("x", b"a\r\nhost: evil.test");
            format!("{} {split:?}", set.join(" "))
        }
        // As a client that follows it would: to where the granted server points.
        "redirect" => match get(&server) {
            Err(error) => told::<()>(Err(error)),
            Ok(response) => {
                let location = response.headers().get("location").remove(0);
                let location = String::from_utf8(location).unwrap();
                format!(
                    "{} {}",
                    response.status(),
                    told(get(location
                        .trim_start_matches("http://")
                        .trim_end_matches('/')))
                )
            }
        },
        "many" => loop {
            mem::forget(handle(request(&server), None));
        },
        "bodies" => loop {
            let request = request(&server);
            let body = request.body().unwrap();
            let stream = body.write().unwrap();
            let permit = stream.check_write().unwrap();
            stream.write(&vec![1_u8; permit as usize]).unwrap();
            mem::forget((request, body, stream));
        },
        "headers" => loop {
            let fields = Fields::new();
            (0..30).for_each(|_| fields.append("x", &vec![b'x'; 1_000]).unwrap());
            mem::forget(fields);
        },
        "methods" => {
            let method = Method::Other("X".repeat(6 << 20));
            let mut refused = 0;
            for _ in 0..200 {
                let request = request(&server);
                refused += u32::from(request.set_method(&method).is_err());
                mem::forget(request);
            }
            format!("{refused} refused")
        }
        "authorities" => {
            let authority = "x".repeat(6 << 20);
            let mut refused = 0;
            for _ in 0..200 {
                let request = request(&server);
                refused += u32::from(request.set_authority(Some(&authority)).is_err());
                mem::forget(request);
            }
            format!("{refused} refused")
        }
        "failures" => {
            (0..300).for_each(|_| drop(get(&server)));
            "done".into()
        }
        "endless-body" => {
            let request = request(&server);
            request.set_method(&Method::Post).unwrap();
            let body = request.body().unwrap();
            let stream = body.write().unwrap();
            let response = handle(request, None).unwrap();
            let chunk = [1_u8; 4_096];
            loop {
                if stream.blocking_write_and_flush(&chunk).is_err() {
                    drop(stream);
                    OutgoingBody::finish(body, None).ok();
                    response.subscribe().block();
                    return "ended by the server".into();
                }
            }
        }
        "endless-answer" => {
            let response = get(&server).unwrap();
            let body = response.consume().unwrap();
            let stream = body.stream().unwrap();
            loop {
                stream.blocking_read(u64::MAX).unwrap();
            }
        }
        "large-headers" => told(get(&server)),
        _ => "nothing".into(),
    }
}

fn told<T>(result: Result<T, ErrorCode>) -> String {
    result.map_or_else(|error| format!("{error:?}"), |_| "REACHED".into())
}

fn request(server: &str) -> OutgoingRequest {
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).unwrap();
    let _ = request.set_authority(Some(server));
    request.set_path_with_query(Some("/")).unwrap();
    request
}

fn get(server: &str) -> Result<IncomingResponse, ErrorCode> {
    let response = handle(request(server), None)?;
    loop {
        match response.get() {
            Some(answer) => return answer.unwrap(),
            None => response.subscribe().block(),
        }
    }
}
