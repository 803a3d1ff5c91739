//! Where a request comes from and what it was meant for, as far as a browser tells. Pages cannot change what it tells, and programs
//! need not say any of it.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::header;

/// What the server is asked for by: the authority of HTTP/2, or the host of HTTP/1.
fn authority(request: &Request) -> Option<&str> {
    let name = request.uri().authority().map(|name| name.as_str());
    let host = || request.headers().get(header::HOST);
    // What is no text is no name of a server.
    name.or_else(|| Some(host()?.to_str().unwrap_or_default()))
}

/// Whether a page of another origin asks, also one of another port.
pub fn is_of_other_site(request: &Request) -> bool {
    let headers = request.headers();
    if let Some(site) = headers.get("sec-fetch-site") {
        // Who types the address comes from no page.
        return site != "same-origin" && site != "none";
    }
    // Browsers leave the site out where there is neither TLS nor loopback, and old ones everywhere.
    let Some(origin) = headers.get(header::ORIGIN) else {
        return false;
    };
    let origin = origin.to_str().unwrap_or_default().split_once("://");
    let own = authority(request).unwrap_or_default();
    !origin.is_some_and(|(_, name)| name.eq_ignore_ascii_case(own))
}

/// Whether the server is asked for by an address, or as this machine; clients of gRPC call a socket `localhost`, too.
pub fn has_own_name(request: &Request) -> bool {
    let Some(host) = authority(request) else {
        return true;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let plain = name.trim_start_matches('[').trim_end_matches(']');
    plain.eq_ignore_ascii_case("localhost") || plain.parse::<IpAddr>().is_ok()
}
