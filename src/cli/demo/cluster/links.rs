//! The links between the nodes of the demo: relays that can be cut, as a network can.
//!
//! Every node reaches every other one through a relay of its own, so that any shape of a cut can be played on one machine.
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// Time between two looks of a relay at whether it is cut.
const LOOK: Duration = Duration::from_millis(50);

/// The way from one node to another.
#[derive(Debug)]
pub(super) struct DemoLink {
    /// The nodes that it joins, by their places.
    pub(super) ends: (usize, usize),
    /// The address at which the first one asks for the second.
    pub(super) entrance: SocketAddr,
    is_cut: Arc<AtomicBool>,
}

impl DemoLink {
    /// Opens the way to a node that listens there, or will.
    pub(super) async fn open(ends: (usize, usize), to: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let entrance = listener.local_addr()?;
        let is_cut = Arc::new(AtomicBool::new(false));
        let cut = Arc::clone(&is_cut);
        tokio::spawn(async move {
            // It ends with the demo.
            while let Ok((from, _)) = listener.accept().await {
                tokio::spawn(relay(from, to, Arc::clone(&cut)));
            }
        });
        Ok(Self {
            ends,
            entrance,
            is_cut,
        })
    }

    /// Cuts it, or joins it again.
    pub(super) fn set_cut(&self, is_cut: bool) {
        self.is_cut.store(is_cut, Ordering::Relaxed);
    }
}

/// Passes octets both ways until one end closes, or the link is cut.
async fn relay(mut from: TcpStream, to: SocketAddr, is_cut: Arc<AtomicBool>) {
    let cut = async {
        while !is_cut.load(Ordering::Relaxed) {
            sleep(LOOK).await;
        }
    };
    let pass = async {
        let mut to = TcpStream::connect(to).await?;
        tokio::io::copy_bidirectional(&mut from, &mut to).await
    };
    tokio::select! {
        // How it ends is for the nodes to find out.
        _ = pass => {}
        () = cut => {}
    }
}
