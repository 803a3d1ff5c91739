use prost::bytes::{Buf, BufMut, Bytes};
use prost::encoding::{DecodeContext, WireType, skip_field};
use prost::{DecodeError, Message};

/// A message that is encoded already: what many answers have in common is encoded once. It is written, never read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    common: Bytes,
    own: Bytes,
}

impl Encoded {
    /// Encodes a message.
    pub fn new(message: &impl Message) -> Self {
        Self {
            common: Bytes::new(),
            own: message.encode_to_vec().into(),
        }
    }

    /// A message that has the fields of another, too.
    #[must_use]
    pub fn with(self, common: &Self) -> Self {
        Self {
            common: common.own.clone(),
            ..self
        }
    }
}

impl Message for Encoded {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        buf.put_slice(&self.common);
        buf.put_slice(&self.own);
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        skip_field(wire_type, tag, buf, context)
    }

    fn encoded_len(&self) -> usize {
        self.common.len() + self.own.len()
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}
