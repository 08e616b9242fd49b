//! Sockets and names.

use wasip2::sockets::{
    instance_network::instance_network,
    ip_name_lookup::resolve_addresses,
    network::{
        ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress,
        Ipv6SocketAddress,
    },
    tcp_create_socket::create_tcp_socket,
    udp_create_socket::create_udp_socket,
};

use crate::to;

pub fn reach(what: &str) -> String {
    let port = || {
        to().rsplit_once(':')
            .and_then(|(_, port)| port.parse::<u16>().ok())
            .unwrap()
    };
    let loopback = |port| v4((127, 0, 0, 1), port);
    match what {
        "tcp" => told(connect(loopback(port()))),
        "tcp-mapped" => told(connect(v6((0, 0, 0, 0, 0, 0xffff, 0x7f00, 1), port()))),
        "tcp-any" => told(connect(v4((0, 0, 0, 0), port()))),
        "tcp-others" => [
            told(connect(v4((127, 0, 0, 2), port()))),
            told(connect(v6((0, 0, 0, 0, 0, 0, 0, 1), port()))),
            told(connect(loopback(port() ^ 1))),
        ]
        .join(" "),
        "udp" => told(datagram(loopback(port()))),
        "listen" => told(listen()),
        "name" => {
            let names = [
                to(),
                "example.com".into(),
                format!("secret.{}", to()),
                "x".repeat(6 << 20),
            ];
            names.map(|name| told(look_up(&name))).join(" ")
        }
        "many" => (0..2_000)
            .for_each(|_| {
                std::mem::forget(create_tcp_socket(IpAddressFamily::Ipv4).unwrap());
            })
            .into_text(),
        _ => "nothing".into(),
    }
}

trait IntoText {
    fn into_text(self) -> String;
}

impl IntoText for () {
    fn into_text(self) -> String {
        "done".into()
    }
}

fn told<T>(result: Result<T, ErrorCode>) -> String {
    result.map_or_else(|error| error.name().into(), |_| "REACHED".into())
}

fn v4(address: (u8, u8, u8, u8), port: u16) -> IpSocketAddress {
    IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address })
}

fn v6(address: (u16, u16, u16, u16, u16, u16, u16, u16), port: u16) -> IpSocketAddress {
    IpSocketAddress::Ipv6(Ipv6SocketAddress {
        port,
        flow_info: 0,
        address,
        scope_id: 0,
    })
}

fn family(address: &IpSocketAddress) -> IpAddressFamily {
    match address {
        IpSocketAddress::Ipv4(_) => IpAddressFamily::Ipv4,
        IpSocketAddress::Ipv6(_) => IpAddressFamily::Ipv6,
    }
}

fn connect(address: IpSocketAddress) -> Result<(), ErrorCode> {
    let socket = create_tcp_socket(family(&address))?;
    socket.start_connect(&instance_network(), address)?;
    loop {
        socket.subscribe().block();
        match socket.finish_connect() {
            Err(ErrorCode::WouldBlock) => {}
            Ok((_, output)) => {
                let _ = output.blocking_write_and_flush(b"evil was here\n");
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
}

fn datagram(address: IpSocketAddress) -> Result<(), ErrorCode> {
    let socket = create_udp_socket(IpAddressFamily::Ipv4)?;
    socket.start_bind(&instance_network(), v4((0, 0, 0, 0), 0))?;
    socket.finish_bind()?;
    socket.stream(Some(address)).map(drop)
}

fn listen() -> Result<(), ErrorCode> {
    let socket = create_tcp_socket(IpAddressFamily::Ipv4)?;
    socket.start_bind(&instance_network(), v4((0, 0, 0, 0), 0))?;
    socket.subscribe().block();
    socket.finish_bind()?;
    socket.start_listen()?;
    socket.subscribe().block();
    socket.finish_listen()
}

fn look_up(name: &str) -> Result<Option<IpAddress>, ErrorCode> {
    let found = resolve_addresses(&instance_network(), name)?;
    loop {
        match found.resolve_next_address() {
            Err(ErrorCode::WouldBlock) => found.subscribe().block(),
            answer => return answer,
        }
    }
}
