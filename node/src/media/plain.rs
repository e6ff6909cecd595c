//! Keeps a little of what the encoder made, in clear, so that a measurement can search the wire for it.
//!
//! Only where a recording runs (the demo): the pieces are canaries, and finding one outside the member is a failure.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use halloo_engine::voice::{CodecError, CodecFactory, Coding, Decoder, Encoder, FrameLength};

/// Bytes of a coded frame that are kept: enough that no other frame has them by chance.
pub const PIECE: usize = 24;

/// Of so many frames one is kept.
const ONE_OF: u64 = 10;

/// Pieces that may wait for the recorder: more than two steps can make.
const QUEUE: usize = 16;

/// The head of one coded frame in clear.
pub type Piece = [u8; PIECE];

/// Codecs whose encoders keep pieces.
pub struct Kept {
    codecs: Box<dyn CodecFactory>,
    pieces: SyncSender<Piece>,
}

/// The same codecs, and where the pieces of what they encode come out.
pub fn keep(codecs: Box<dyn CodecFactory>) -> (Kept, Receiver<Piece>) {
    let (pieces, out) = sync_channel(QUEUE);
    (Kept { codecs, pieces }, out)
}

impl CodecFactory for Kept {
    fn encoder(&self, length: FrameLength) -> Result<Box<dyn Encoder>, CodecError> {
        let encoder = self.codecs.encoder(length)?;
        Ok(Box::new(KeptEncoder { encoder, pieces: self.pieces.clone(), frames: 0 }))
    }

    fn decoder(&self) -> Result<Box<dyn Decoder>, CodecError> {
        self.codecs.decoder()
    }
}

struct KeptEncoder {
    encoder: Box<dyn Encoder>,
    pieces: SyncSender<Piece>,
    frames: u64,
}

impl Encoder for KeptEncoder {
    fn encode(&mut self, pcm: &[f32], coding: &Coding, out: &mut [u8]) -> Result<usize, CodecError> {
        let length = self.encoder.encode(pcm, coding, out)?;
        self.frames += 1;
        if let Some(head) = out.get(..length).and_then(|coded| coded.first_chunk::<PIECE>())
            && self.frames.is_multiple_of(ONE_OF)
        {
            // A piece more or less is no matter.
            let _ = self.pieces.try_send(*head);
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests;
