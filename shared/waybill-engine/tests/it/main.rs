//! The engine in simulated time: fakes with real semantics, scripted trouble, no waiting.

mod dead;
mod delivery;
mod leases;
mod scene;
mod store_trouble;
