//! Removing what is not needed any more: first as a plan that can be shown, then for real. Records
//! stay; only files of the home go, never anything delivered and never an original.

use std::collections::BTreeMap;
use std::fs::TryLockError;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::domain::id::JobId;
use crate::domain::state::JobState;
use crate::fsx::{self, fs};
use crate::store::{JobFilter, JobRecord};

use super::engine::Engine;
use super::error::EngineError;
use super::lock::lock_file;
use super::report::REPORT_SCHEMA_VERSION;
use super::request::{GcItem, GcPlan, GcReason, GcRequest, RemoteItem, RemotePlan};

/// Jobs looked up in one go.
const PAGE: u32 = 1000;

impl Engine {
    /// What could be removed from the home.
    ///
    /// # Errors
    /// When the home or the store cannot be read.
    pub fn gc_plan(&self, request: &GcRequest) -> Result<GcPlan, EngineError> {
        let mut plan = GcPlan {
            schema_version: REPORT_SCHEMA_VERSION,
            ..GcPlan::default()
        };
        for job in self.ended_jobs(request)? {
            let reason = match job.state {
                JobState::Delivered => GcReason::Delivered,
                _ => GcReason::Stopped,
            };
            for part in ["outputs", "orders", "prepared"] {
                self.add(&mut plan, format!("jobs/{}/{part}", job.id), reason)?;
            }
        }
        let jobs = self.jobs_folder();
        if let Ok(entries) = fs::read_dir(&jobs) {
            for entry in entries {
                let entry = entry?;
                let name = entry.file_name();
                let Some(name) = name.to_str() else { continue };
                let known = match name.parse::<JobId>() {
                    Ok(id) => self.store().job(&id)?.is_some(),
                    Err(_) => continue,
                };
                if known {
                    self.add_temporary(&mut plan, name, &entry.path())?;
                } else if old_enough(&entry.path(), request.older_than) {
                    self.add(&mut plan, format!("jobs/{name}"), GcReason::Unknown)?;
                }
            }
        }
        plan.items.sort_by(|one, other| one.path.cmp(&other.path));
        plan.bytes = plan.items.iter().map(|item| item.bytes).sum();
        Ok(plan)
    }

    /// Jobs that have ended, and as long ago as is asked.
    fn ended_jobs(&self, request: &GcRequest) -> Result<Vec<JobRecord>, EngineError> {
        let mut ended = Vec::new();
        let mut before = None;
        loop {
            let page = self.store().list(&JobFilter {
                states: vec![JobState::Delivered, JobState::Cancelled, JobState::Failed],
                limit: PAGE,
                before: before.take(),
            })?;
            let Some(last) = page.last() else {
                return Ok(ended);
            };
            before = Some(last.id.clone());
            ended.extend(page.into_iter().filter(|job| {
                let age = self.now().duration_since(job.updated);
                Duration::try_from(age).unwrap_or_default() >= request.older_than
            }));
        }
    }

    /// Removes what the plan names, as far as nobody works on it now; gives what was removed.
    ///
    /// # Errors
    /// When something cannot be removed; what was removed before stays removed.
    pub fn gc_apply(&self, plan: &GcPlan) -> Result<GcPlan, EngineError> {
        let mut removed = GcPlan {
            schema_version: REPORT_SCHEMA_VERSION,
            ..GcPlan::default()
        };
        for item in &plan.items {
            let Ok(path) = fsx::contained(&self.options.home, &item.path) else {
                continue;
            };
            let Some(job) = item.path.split('/').nth(1) else {
                continue;
            };
            let folder = self.jobs_folder().join(job);
            if !folder.is_dir() {
                continue;
            }
            let lock = lock_file(&folder.join("lock"))?;
            if matches!(lock.try_lock(), Err(TryLockError::WouldBlock)) {
                continue;
            }
            if !self.still_unneeded(job, item.reason)? {
                continue;
            }
            let result = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            match result {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                other => other?,
            }
            removed.bytes += item.bytes;
            removed.items.push(item.clone());
        }
        Ok(removed)
    }

    /// What of ended jobs still lies at their providers.
    ///
    /// # Errors
    /// When the store cannot be read or a provider cannot be asked.
    pub fn remote_plan(&self, request: &GcRequest) -> Result<RemotePlan, EngineError> {
        let mut by_provider: BTreeMap<String, Vec<(JobId, PathBuf)>> = BTreeMap::new();
        for job in self.ended_jobs(request)? {
            let work = self.work_folder(&job.id);
            let jobs = by_provider.entry(job.provider).or_default();
            jobs.push((job.id, work));
        }
        let mut plan = RemotePlan {
            schema_version: REPORT_SCHEMA_VERSION,
            items: Vec::new(),
        };
        for (name, jobs) in by_provider {
            for leftover in self.provider(&name)?.leftovers(&jobs)? {
                plan.items.push(RemoteItem {
                    provider: name.clone(),
                    kind: leftover.kind.to_owned(),
                    name: leftover.name,
                    job: leftover.job,
                });
            }
        }
        Ok(plan)
    }

    /// Removes what the plan names from the providers, as far as it is still listed; gives what was removed.
    ///
    /// # Errors
    /// When something cannot be removed; what was removed before stays removed.
    pub fn remote_apply(&self, plan: &RemotePlan) -> Result<RemotePlan, EngineError> {
        let mut removed = RemotePlan {
            schema_version: REPORT_SCHEMA_VERSION,
            items: Vec::new(),
        };
        for item in &plan.items {
            let ended = self.record(&item.job)?.state.is_terminal();
            let work = self.work_folder(&item.job);
            let provider = self.provider(&item.provider)?;
            let known = provider.leftovers(&[(item.job.clone(), work.clone())])?;
            let same = known
                .iter()
                .find(|known| known.name == item.name && known.kind == item.kind);
            if let (true, Some(leftover)) = (ended, same) {
                provider.remove(leftover, &work)?;
                removed.items.push(item.clone());
            }
        }
        Ok(removed)
    }

    fn still_unneeded(&self, job: &str, reason: GcReason) -> Result<bool, EngineError> {
        let record = match job.parse::<JobId>() {
            Ok(id) => self.store().job(&id)?,
            Err(_) => return Ok(false),
        };
        Ok(match reason {
            GcReason::Delivered => record.is_some_and(|job| job.state == JobState::Delivered),
            GcReason::Stopped => record
                .is_some_and(|job| matches!(job.state, JobState::Cancelled | JobState::Failed)),
            GcReason::Unknown => record.is_none(),
            GcReason::Temporary => true,
        })
    }

    fn add(&self, plan: &mut GcPlan, path: String, reason: GcReason) -> Result<(), EngineError> {
        let absolute = self.options.home.join(&path);
        if absolute.try_exists()? {
            plan.items.push(GcItem {
                bytes: size(&absolute)?,
                path,
                reason,
            });
        }
        Ok(())
    }

    fn add_temporary(
        &self,
        plan: &mut GcPlan,
        job: &str,
        folder: &Path,
    ) -> Result<(), EngineError> {
        let lock = lock_file(&folder.join("lock"))?;
        if matches!(lock.try_lock(), Err(TryLockError::WouldBlock)) {
            return Ok(());
        }
        for part in [folder.to_path_buf(), folder.join("outputs")] {
            let Ok(entries) = fs::read_dir(&part) else {
                continue;
            };
            for entry in entries {
                let entry = entry?;
                let name = entry.file_name();
                if let Some(name) = name.to_str()
                    && name.starts_with(fsx::TEMPORARY_PREFIX)
                {
                    let inside = if part == folder { "" } else { "outputs/" };
                    self.add(
                        plan,
                        format!("jobs/{job}/{inside}{name}"),
                        GcReason::Temporary,
                    )?;
                }
            }
        }
        Ok(())
    }
}

fn old_enough(path: &Path, age: Duration) -> bool {
    fs::metadata(path)
        .and_then(|found| found.modified())
        .is_ok_and(|changed| changed.elapsed().unwrap_or_default() >= age)
}

fn size(path: &Path) -> Result<u64, EngineError> {
    let found = fs::symlink_metadata(path)?;
    if !found.is_dir() {
        return Ok(found.len());
    }
    let mut bytes = 0;
    for entry in fs::read_dir(path)? {
        bytes += size(&entry?.path())?;
    }
    Ok(bytes)
}
