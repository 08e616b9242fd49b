//! Queries run whole: the golden cases, properties against an oracle, speed.

#[cfg(test)]
mod api;
#[cfg(test)]
mod cases;
#[cfg(test)]
mod history;
#[cfg(test)]
mod in_band;
#[cfg(test)]
mod joins;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod speed;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tables;
#[cfg(test)]
mod windows;
