//! The service: feed → journal → gradebook → http. The arithmetic is in `gradebook-core`.

pub mod app;
pub mod book;
pub mod check;
pub mod cli;
pub mod commands;
pub mod config;
pub mod demo;
pub mod export;
pub mod feed;
pub mod follower;
pub mod http;
pub mod hub;
pub mod import;
pub mod journal;
pub mod metrics;
pub mod open_files;
pub mod poster;
pub mod progress;
pub mod pulse;
pub mod reader;
pub mod rejections;
pub mod simulate;
pub mod status;
pub mod telemetry;
pub mod tls;
pub mod writer;
