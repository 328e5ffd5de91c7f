//! The decisions of Waybill: pure functions of values, with time and chance among them.
//!
//! Nothing here waits, reads a clock, an environment or a network, or draws a random number; a
//! test of any of it needs none of these. The loops that obey these decisions are in
//! `waybill-engine`, the translation to AWS and HTTP in `waybill-aws`.
//!
//! In reading order: what arrives ([`sqs_event`], [`message`], [`event`], [`envelope`], [`key`], [`digest`], [`reading`]),
//! where it goes ([`routes`], [`http`], [`secret`]), who may work on it ([`ledger`]), what became of
//! it ([`outcome`], [`retry`], [`deadline`]), what spares a target ([`gate`]) and what is answered
//! ([`batch`]); and, where we poll ourselves, when to
//! receive ([`polling`]) and how long to hold what was received ([`lease`]); what waits outside its
//! queue ([`schedule`], [`parcel`]); how an operation of your own is run once in effect ([`once`]),
//! and what another library did before ([`powertools`]);
//! what is known of the dead and how they come back ([`dossier`], [`selection`], [`edit`],
//! [`redrive`]); how what happened is told to those who follow traces ([`mod@trace`]); and what a load
//! needs and costs ([`capacity`], [`price`]).

pub mod batch;
pub mod canary;
pub mod capacity;
pub mod deadline;
pub mod digest;
pub mod dossier;
pub mod edit;
pub mod envelope;
pub mod event;
pub mod gate;
pub mod http;
pub mod id;
mod json;
pub mod key;
pub mod lease;
pub mod ledger;
pub mod limit;
pub mod message;
pub mod once;
pub mod outage;
pub mod outcome;
pub mod parcel;
pub mod polling;
pub mod powertools;
pub mod price;
pub mod reading;
pub mod redrive;
pub mod retry;
pub mod routes;
pub mod schedule;
pub mod secret;
pub mod selection;
pub mod sqs_event;
pub mod time;
pub mod trace;
