//! Steered names inside a program that runs hickory-server: a request handler over a published table.
//!
//! [`Handler`] answers what is asked of the table's zones, as the server itself would: steered, signed, by ECS. Whatever lies
//! outside of them goes to the handler that the program has already, a `Catalog` for one (an empty one refuses); so do transfers
//! and updates, which no table answers. The table is the one that [`Published`] holds at the moment: a program publishes the next
//! whenever it has one.
//!
//! hickory-server wants records and not octets, so a reply is decoded and encoded once more: it costs several times what the
//! server's own loops do. Padding and cookies belong to a transport and are left to hickory-server.
//!
//! It does not know how a table comes about; behind the feature `hickory`.
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use hickory_server::net::runtime::Time;
use hickory_server::net::xfer::Protocol;
use hickory_server::proto::op::{Header, HeaderCounts, Message, ResponseCode};
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;

use crate::answer::{Asker, Transport, answer};
use crate::base::Span;
use crate::base::limits::MESSAGE_BYTES;
use crate::io::clock::Clock;
use crate::io::publish::Published;

/// Answers for the zones of a published table, and hands on what is asked of others.
#[derive(Debug)]
pub struct Handler<F> {
    table: Arc<Published>,
    clock: Clock,
    others: F,
}

impl<F> Handler<F> {
    /// Answers for the zones of this table; everything else is the other handler's.
    #[must_use]
    pub fn new(table: Arc<Published>, others: F) -> Self {
        Self {
            table,
            clock: Clock::start(),
            others,
        }
    }

    /// The reply to a request; nothing for one that is another's, or that gets none.
    fn reply(&self, request: &Request) -> Option<Message> {
        let transport = if request.protocol() == Protocol::Udp {
            Transport::Udp
        } else {
            Transport::Tcp
        };
        let asker = Asker {
            source: request.src().ip(),
            transport,
            now: self.clock.now(),
            idle: Span::ZERO,
            cookies: None,
        };
        let mut buffer = vec![0; MESSAGE_BYTES];
        let table = self.table.load();
        let answered = answer(
            table.seen_from(asker.source),
            &asker,
            request.as_slice(),
            &mut buffer,
        )?;
        let reply = Message::from_vec(&buffer[..answered.length]).ok()?;
        let others = [
            ResponseCode::Refused,
            ResponseCode::NotAuth,
            ResponseCode::NotImp,
        ];
        (!others.contains(&reply.metadata.response_code)).then_some(reply)
    }
}

/// The form that the trait of hickory-server has without its macro.
impl<F: RequestHandler> RequestHandler for Handler<F> {
    fn handle_request<'own, 'request, 'f, R, T>(
        &'own self,
        request: &'request Request,
        handle: R,
    ) -> Pin<Box<dyn Future<Output = ResponseInfo> + Send + 'f>>
    where
        R: ResponseHandler + 'f,
        T: Time + 'f,
        'own: 'f,
        'request: 'f,
        Self: 'f,
    {
        match self.reply(request) {
            Some(reply) => Box::pin(send(request, reply, handle)),
            None => self.others.handle_request::<R, T>(request, handle),
        }
    }
}

/// Sends a reply; gives what hickory-server is to know of it.
async fn send(request: &Request, reply: Message, mut handle: impl ResponseHandler) -> ResponseInfo {
    let mut builder = MessageResponseBuilder::from_message_request(request);
    if let Some(edns) = &reply.edns {
        builder.edns(edns);
    }
    let response = builder.build(
        reply.metadata,
        &reply.answers,
        &reply.authorities,
        [],
        &reply.additionals,
    );
    let sent = handle.send_response(response).await;
    sent.unwrap_or_else(|_| {
        let mut metadata = reply.metadata;
        metadata.response_code = ResponseCode::ServFail;
        ResponseInfo::from(Header {
            metadata,
            counts: HeaderCounts::default(),
        })
    })
}
