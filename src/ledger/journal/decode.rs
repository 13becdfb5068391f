//! Bytes as records; see [`super::encode`]. Nothing that a disk can hold makes it panic: what makes
//! no sense is [`Unreadable`], such as a record of a later version.

use std::borrow::Cow;
use std::sync::Arc;

use smallvec::SmallVec;
use uuid::Uuid;

use super::encode::{INTENT, PROGRESS, SETTLE, VERSION};
use super::{Closing, Drawn, Opening, numbers};
use crate::domain::key::SecretHash;
use crate::domain::price::Price;
use crate::domain::tenant::{CallId, KeyId, OrganisationId, ProjectId};
use crate::domain::time::Timestamp;
use crate::domain::usage::{Charge, Held, Usage};

/// What a record says, as far as it has to be known in passing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Intent,
    Progress,
    Settle,
}

/// A record that is whole, but not for this version to understand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

type Read<T> = Result<T, Unreadable>;

/// What `body` says, and of which call.
pub(super) fn kind(body: &[u8]) -> Read<(Kind, CallId)> {
    let (kind, mut fields) = open(body)?;
    Ok((kind, CallId(fields.uuid()?)))
}

/// How a call opened, from an intent.
pub(super) fn opening(body: &[u8]) -> Read<Opening> {
    whole(body, Kind::Intent, Fields::opening)
}

/// The output tokens that were seen, from a progress.
pub(super) fn delivered(body: &[u8]) -> Read<i64> {
    whole(body, Kind::Progress, |fields| {
        fields.uuid()?;
        fields.integer()
    })
}

/// How a call opened and closed, from a settle.
pub(super) fn settled(body: &[u8]) -> Read<(Opening, Closing)> {
    whole(body, Kind::Settle, |fields| {
        Ok((fields.opening()?, fields.closing()?))
    })
}

fn whole<'a, T>(
    body: &'a [u8],
    expected: Kind,
    read: impl FnOnce(&mut Fields<'a>) -> Read<T>,
) -> Read<T> {
    let (kind, mut fields) = open(body)?;
    if kind != expected {
        return Err(Unreadable);
    }
    let value = read(&mut fields)?;
    fields.0.is_empty().then_some(value).ok_or(Unreadable)
}

fn open(body: &[u8]) -> Read<(Kind, Fields<'_>)> {
    let ([version, kind], fields) = body.split_first_chunk().ok_or(Unreadable)?;
    let kind = match (*version, *kind) {
        (VERSION, INTENT) => Kind::Intent,
        (VERSION, PROGRESS) => Kind::Progress,
        (VERSION, SETTLE) => Kind::Settle,
        _ => return Err(Unreadable),
    };
    Ok((kind, Fields(fields)))
}

/// What is not read yet.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn opening(&mut self) -> Read<Opening> {
        Ok(Opening {
            id: CallId(self.uuid()?),
            at: Timestamp(self.integer()?),
            organisation_id: OrganisationId(self.uuid()?),
            project_id: ProjectId(self.uuid()?),
            key_id: KeyId(self.uuid()?),
            secret: SecretHash(self.bytes()?),
            provider: Arc::from(self.text()?),
            model: Arc::from(self.text()?),
            upstream_model: Arc::from(self.text()?),
            endpoint: Cow::Owned(self.text()?.to_owned()),
            is_stream: self.flag()?,
            price: self.option(Self::price)?,
            held: Held {
                tokens: self.integer()?,
                prompt_estimate: self.integer()?,
            },
            held_nano: self.integer()?,
            choices: self.integer()?,
            cap: self.integer()?,
            draws: self.draws()?,
        })
    }

    fn price(&mut self) -> Read<Price> {
        Ok(Price {
            input: self.integer()?,
            output: self.integer()?,
            cached_input: self.integer()?,
            cache_write: self.integer()?,
        })
    }

    fn draws(&mut self) -> Read<SmallVec<[Drawn; 4]>> {
        let count = self.length()?;
        (0..count).map(|_| self.drawn()).collect()
    }

    fn drawn(&mut self) -> Read<Drawn> {
        Ok(Drawn {
            budget: self.uuid()?,
            lease: self.option(Self::uuid)?,
            unit: numbers::unit(self.byte()?).ok_or(Unreadable)?,
            held: self.integer()?,
        })
    }

    fn closing(&mut self) -> Read<Closing> {
        Ok(Closing {
            charge: self.charge()?,
            cost_nano: self.integer()?,
            status: u16::try_from(self.integer()?).map_err(|_| Unreadable)?,
            code: self.option(Self::code)?,
            is_disconnected: self.flag()?,
            duration_ms: self.integer()?,
            first_token_ms: self.option(Self::integer)?,
        })
    }

    fn code(&mut self) -> Read<Cow<'static, str>> {
        Ok(Cow::Owned(self.text()?.to_owned()))
    }

    fn charge(&mut self) -> Read<Charge> {
        Ok(Charge {
            requests: self.integer()?,
            tokens: self.integer()?,
            usage: Usage {
                input: self.integer()?,
                output: self.integer()?,
                total: self.integer()?,
                cached_input: self.integer()?,
                cache_write: self.integer()?,
                reasoning: self.integer()?,
            },
            source: numbers::source(self.byte()?).ok_or(Unreadable)?,
            is_suspicious: self.flag()?,
        })
    }

    fn uuid(&mut self) -> Read<Uuid> {
        self.bytes().map(Uuid::from_bytes)
    }

    fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<Option<T>> {
        if self.flag()? {
            read(self).map(Some)
        } else {
            Ok(None)
        }
    }

    fn flag(&mut self) -> Read<bool> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Unreadable),
        }
    }

    fn text(&mut self) -> Read<&'a str> {
        let length = self.length()?;
        let (text, rest) = self.0.split_at_checked(length).ok_or(Unreadable)?;
        self.0 = rest;
        std::str::from_utf8(text).map_err(|_| Unreadable)
    }

    fn length(&mut self) -> Read<usize> {
        usize::try_from(self.integer()?).map_err(|_| Unreadable)
    }

    fn integer(&mut self) -> Read<i64> {
        let mut zigzag = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            zigzag |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let magnitude = (zigzag >> 1).cast_signed();
                return Ok(magnitude ^ -(zigzag & 1).cast_signed());
            }
        }
        Err(Unreadable)
    }

    fn byte(&mut self) -> Read<u8> {
        self.bytes().map(|[byte]| byte)
    }

    fn bytes<const N: usize>(&mut self) -> Read<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(Unreadable)?;
        self.0 = rest;
        Ok(*bytes)
    }
}
