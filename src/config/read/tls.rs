//! Keys of `[server.tls]`: where encrypted transports listen, and the files that the server proves
//! itself by.
//!
//! A table without any listener would be read, watched and of no use, so it is an error.
use super::path;
use crate::config::reader::Fields;
use crate::config::spec::TlsSpec;
use crate::config::value;

/// `[server.tls]`, if there is one.
pub(super) fn tls(server: &mut Fields<'_, '_>) -> Option<TlsSpec> {
    let mut fields = server.table("tls")?;
    let listens = ["listen", "listen_https", "listen_quic"];
    let has_any = listens.map(|key| fields.key(key).is_some()).contains(&true);
    if !has_any {
        fields.missing(
            "listen",
            "write `listen` (DNS over TLS), `listen_https` or `listen_quic`, such as `listen = [\"127.0.0.1:853\"]`",
        );
    }
    let [listen, listen_https, listen_quic] =
        listens.map(|key| super::items(fields.list(key, value::socket)));
    let spec = TlsSpec {
        listen,
        listen_https,
        listen_quic,
        certificate: fields.required("certificate", r#""tls/fullchain.pem""#, path),
        key: fields.required("key", r#""tls/key.pem""#, path),
    };
    fields.finish();
    Some(spec)
}
