//! One use of libjpeg. All `unsafe` of the crate is here.
//!
//! How errors leave C: the library calls `error_exit`, which must not return. Ours unwinds with a [`Stop`] that
//! [`run`] catches. The C code is built for that (`-fexceptions`), the callbacks have the ABI `C-unwind`, and the
//! library keeps nothing on its stack that a skipped return would leak: its memory belongs to the pools that
//! `jpeg_destroy_decompress` frees.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::raw::{c_int, c_long};
use std::panic::{self, AssertUnwindSafe};
use std::ptr;

use mozjpeg_sys as sys;

use crate::{Failure, Image, Limits, Outcome, Place, Report, Scale, Space, Warning, words};

/// Stands behind the file's last byte when the library asks for more.
static END: [u8; 2] = [0xff, 0xd9];

/// What is thrown through the library.
struct Stop(Failure);

/// Everything that the library holds pointers to; it stays in its box until the library is done with it.
struct Session<'a> {
    bytes: &'a [u8],
    info: MaybeUninit<sys::jpeg_decompress_struct>,
    errors: MaybeUninit<sys::jpeg_error_mgr>,
    source: sys::jpeg_source_mgr,
    progress: sys::jpeg_progress_mgr,
    report: Report,
    max_scans: u32,
}

pub(crate) fn run(bytes: &[u8], scale: Scale, limits: &Limits) -> Outcome {
    let mut session = Box::new(Session {
        bytes,
        info: MaybeUninit::zeroed(),
        errors: MaybeUninit::zeroed(),
        source: sys::jpeg_source_mgr {
            next_input_byte: bytes.as_ptr(),
            bytes_in_buffer: bytes.len(),
            init_source: Some(nothing),
            fill_input_buffer: Some(fill),
            skip_input_data: Some(skip),
            resync_to_restart: Some(sys::jpeg_resync_to_restart),
            term_source: Some(nothing),
        },
        progress: sys::jpeg_progress_mgr {
            progress_monitor: Some(monitor),
            pass_counter: 0,
            pass_limit: 0,
            completed_passes: 0,
            total_passes: 0,
        },
        report: Report::default(),
        max_scans: limits.max_scans,
    });
    let this: *mut Session<'_> = &raw mut *session;
    // SAFETY: `this` points to a live box that nothing else refers to until the library is destroyed below.
    let image = unsafe {
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| decode(this, scale, limits)));
        let place = place(this);
        let image = match outcome {
            Ok(Ok(image)) => Ok(image),
            Ok(Err(failure)) => Err((failure, place)),
            Err(thrown) => match thrown.downcast::<Stop>() {
                Ok(stop) => Err((stop.0, place)),
                // A panic of our own, not the library's: let it go on.
                Err(other) => {
                    destroy(this);
                    panic::resume_unwind(other)
                }
            },
        };
        (*this).report.taken = place.byte;
        destroy(this);
        image
    };
    Outcome {
        report: session.report,
        image,
    }
}

/// # Safety
/// `this` is the session of [`run`].
unsafe fn destroy(this: *mut Session<'_>) {
    // SAFETY: the struct was zeroed or set up by the library, and destroying a zeroed one does nothing.
    unsafe { sys::jpeg_destroy_decompress(&mut *(*this).info.as_mut_ptr()) };
}

/// # Safety
/// `this` is the session of [`run`]. Unwinds with [`Stop`] where the library gives up.
unsafe fn decode(this: *mut Session<'_>, scale: Scale, limits: &Limits) -> Result<Image, Failure> {
    // SAFETY: the fields of the box keep their addresses. The error manager is set up before anything can fail,
    // `client_data` and `src` before a callback can use them. Rows are handed out with room for `row_bytes` each.
    unsafe {
        let info = (*this).info.as_mut_ptr();
        let errors = (*this).errors.as_mut_ptr();
        sys::jpeg_std_error(&mut *errors);
        (*errors).error_exit = Some(give_up);
        (*errors).emit_message = Some(note);
        (*errors).output_message = Some(silence);
        (*info).common.err = errors;
        (*info).common.client_data = this.cast();
        sys::jpeg_create_decompress(info);
        (*info).src = &raw mut (*this).source;
        (*info).common.progress = &raw mut (*this).progress;
        let most = c_long::try_from(limits.max_memory).unwrap_or(c_long::MAX);
        (*(*info).common.mem).max_memory_to_use = most;

        sys::jpeg_read_header(&mut *info, 1);
        let pixels = u64::from((*info).image_width) * u64::from((*info).image_height);
        if pixels > limits.max_pixels {
            return Err(Failure::Limit(format!("has {pixels} pixels")));
        }
        let (wanted, space) = match (*info).jpeg_color_space {
            sys::JCS_GRAYSCALE => (sys::JCS_GRAYSCALE, Space::Gray),
            sys::JCS_YCbCr | sys::JCS_RGB => (sys::JCS_RGB, Space::Rgb),
            sys::JCS_CMYK | sys::JCS_YCCK => (sys::JCS_CMYK, Space::Cmyk),
            _ => {
                let channels = (*info).num_components;
                return Err(Failure::Unsupported(format!(
                    "with {channels} colour channels"
                )));
            }
        };
        (*info).out_color_space = wanted;
        (*info).scale_num = 1;
        (*info).scale_denom = scale.divisor();
        // Smoothing invents what an unfinished progressive file lacks; here such a file is seen as it is.
        (*info).do_block_smoothing = 0;
        sys::jpeg_start_decompress(&mut *info);
        if usize::try_from((*info).output_components) != Ok(space.channels()) {
            return Err(Failure::Corrupt(
                "it has another number of channels than its header says".to_owned(),
            ));
        }
        let samples = rows(info, space)?;
        sys::jpeg_finish_decompress(&mut *info);
        Ok(Image {
            width: (*info).output_width,
            height: (*info).output_height,
            space,
            samples,
        })
    }
}

/// Reads all rows.
///
/// # Safety
/// `info` is started and its output has `space.channels()` samples for each pixel.
unsafe fn rows(info: *mut sys::jpeg_decompress_struct, space: Space) -> Result<Vec<u8>, Failure> {
    // SAFETY: each pointer is the start of a row of `row_bytes` bytes inside `samples`, and the library writes
    // `output_width * output_components` bytes into each of at most as many rows as it is given.
    unsafe {
        let row_bytes = (*info).output_width as usize * space.channels();
        let height = (*info).output_height as usize;
        let too_large = || Failure::Limit("asks for more memory than there is".to_owned());
        let whole = row_bytes.checked_mul(height).ok_or_else(too_large)?;
        let mut samples = Vec::new();
        samples.try_reserve_exact(whole).map_err(|_| too_large())?;
        samples.resize(whole, 0_u8);
        let mut done = 0;
        while done < height {
            let mut pointers = [ptr::null_mut::<u8>(); 16];
            let mut count = 0;
            let start = done * row_bytes;
            let rest = samples.get_mut(start..).unwrap_or_default();
            for (pointer, row) in pointers.iter_mut().zip(rest.chunks_exact_mut(row_bytes)) {
                *pointer = row.as_mut_ptr();
                count += 1;
            }
            let read = sys::jpeg_read_scanlines(&mut *info, pointers.as_mut_ptr(), count) as usize;
            if read == 0 {
                return Err(Failure::Corrupt("it stops inside the picture".to_owned()));
            }
            done += read;
        }
        Ok(samples)
    }
}

/// Where the library is.
///
/// # Safety
/// `this` is the session of [`run`].
unsafe fn place(this: *const Session<'_>) -> Place {
    // SAFETY: the fields are plain numbers of a struct that was zeroed at first; `bytes` outlives the session.
    unsafe {
        let info = (*this).info.as_ptr();
        let bytes = (*this).bytes;
        let next = (*this).source.next_input_byte as usize;
        let start = bytes.as_ptr() as usize;
        let byte = next
            .checked_sub(start)
            .filter(|&byte| (*this).report.ran_out.is_none() && byte <= bytes.len())
            .unwrap_or(bytes.len());
        Place {
            scan: u32::try_from((*info).input_scan_number).unwrap_or_default(),
            row: (*info).input_iMCU_row,
            byte,
        }
    }
}

/// The session that a callback belongs to.
///
/// # Safety
/// The library was set up by [`decode`].
unsafe fn session<'a>(common: &sys::jpeg_common_struct) -> *mut Session<'a> {
    common.client_data.cast()
}

fn stop(failure: Failure) -> ! {
    // Not `panic!`: no hook runs and nothing is printed.
    panic::resume_unwind(Box::new(Stop(failure)))
}

/// The library's own text for what it has just met, with its placeholders, and the text's first number. Texts are
/// compared, not codes: the codes move by one with the features that the library is built with.
///
/// # Safety
/// `errors` was set up by `jpeg_std_error`.
unsafe fn message(errors: *const sys::jpeg_error_mgr) -> (&'static str, u32) {
    // SAFETY: the table has `last_jpeg_message` + 1 entries, static strings of C. The first number is a plain read of
    // a union of numbers and text.
    unsafe {
        let code = (*errors).msg_code;
        let number = (*errors).msg_parm._bindgen_data_[0];
        let text = usize::try_from(code)
            .ok()
            .filter(|_| code <= (*errors).last_jpeg_message)
            .map(|code| *(*errors).jpeg_message_table.add(code))
            .filter(|text| !text.is_null());
        let text = text.map_or("", |text| {
            CStr::from_ptr(text.cast()).to_str().unwrap_or_default()
        });
        (text, number)
    }
}

unsafe extern "C-unwind" fn give_up(common: &mut sys::jpeg_common_struct) {
    // SAFETY: the error manager lives in the session.
    let (text, number) = unsafe { message(common.err) };
    stop(words::failure(text, number));
}

unsafe extern "C-unwind" fn note(common: &mut sys::jpeg_common_struct, level: c_int) {
    if level >= 0 {
        return;
    }
    // SAFETY: `client_data` is the session, which lives, and whose report nothing else refers to meanwhile.
    unsafe {
        let this = session(common);
        let errors = common.err;
        (*errors).num_warnings += 1;
        let (text, number) = message(errors);
        let trouble = words::trouble(text, number);
        let place = place(this);
        let report = &mut (*this).report;
        if report.warnings.len() < Report::MOST {
            report.warnings.push(Warning { trouble, place });
        } else {
            report.more += 1;
        }
    }
}

unsafe extern "C-unwind" fn silence(_: &mut sys::jpeg_common_struct) {}

unsafe extern "C-unwind" fn nothing(_: &mut sys::jpeg_decompress_struct) {}

/// The file has no more bytes: an end marker is put there, so that the library comes to an end.
unsafe extern "C-unwind" fn fill(info: &mut sys::jpeg_decompress_struct) -> sys::boolean {
    // SAFETY: `client_data` is the session; the source manager is one of its fields.
    unsafe {
        let this = session(&info.common);
        let place = place(this);
        let report = &mut (*this).report;
        if report.ran_out.is_none() {
            report.ran_out = Some(place);
        }
        (*this).source.next_input_byte = END.as_ptr();
        (*this).source.bytes_in_buffer = END.len();
    }
    1
}

unsafe extern "C-unwind" fn skip(info: &mut sys::jpeg_decompress_struct, count: c_long) {
    let Ok(count) = usize::try_from(count) else {
        return;
    };
    // SAFETY: the pointer moves within the buffer that it points into, to its end at most.
    unsafe {
        let source = &mut (*session(&info.common)).source;
        let step = count.min(source.bytes_in_buffer);
        source.next_input_byte = source.next_input_byte.add(step);
        source.bytes_in_buffer -= step;
        // What lies behind the end is missing; `fill` is told by reading on.
    }
}

/// Called for every row of every scan.
unsafe extern "C-unwind" fn monitor(common: &mut sys::jpeg_common_struct) {
    // SAFETY: `client_data` is the session, whose report nothing else refers to meanwhile.
    unsafe {
        let this = session(common);
        let place = place(this);
        if place.scan > (*this).max_scans {
            stop(Failure::Limit(format!(
                "has more than {} scans",
                (*this).max_scans
            )));
        }
        let rows = &mut (*this).report.rows;
        if rows
            .last()
            .is_none_or(|last| (last.scan, last.row) != (place.scan, place.row))
        {
            rows.push(place);
        }
    }
}
