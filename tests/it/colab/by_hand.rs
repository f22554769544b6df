//! From `export` over a person to `import` and a delivered listing.

use std::path::Path;

use crate::colab::bench::{Bench, ROOMS, export, job, with_document};
use crate::colab::desk::{exported, files, machine, text_in, work};

#[test]
fn a_listing_is_exported_made_by_a_person_imported_and_delivered() {
    let bench = Bench::new(&ROOMS, None);
    let environment = &bench.environment;
    let folder = environment.work().join("oak-colab");
    let (archive, notebook) = exported(&folder, 2);
    let marker: serde_json::Value =
        serde_json::from_str(&text_in(&archive, "remedia-run.json")).unwrap();
    let run = marker["run_id"].as_str().unwrap();
    assert!(fs_err::read_to_string(notebook).unwrap().contains(run));
    environment
        .run(["bundle", "verify", archive.to_str().unwrap()])
        .with_code(0);

    // Asked again, the same job waits, and every byte is the same.
    let before = files(&folder);
    let again = export(environment).with_code(7);
    assert!(again.error.contains("is known"), "{}", again.error);
    assert_eq!(files(&folder), before);
    assert_eq!(before.len(), 3);

    let said = bench.import(&bench.archive()).with_code(0);
    assert!(said.error.contains("took 2 pictures"), "{}", said.error);
    assert_eq!(bench.state(), "delivered");
    assert!(
        environment
            .work()
            .join("remedia-out/oak/gallery.html")
            .is_file()
    );
    let shown = environment.run(["show", &bench.job, "--json"]).json();
    for photo in shown["photos"].as_array().unwrap() {
        let stage = &photo["operations"][1];
        assert_eq!(stage["state"], "accepted", "{stage}");
        assert_eq!(stage["executor"], "colab");
    }

    // And once more, by the archive, by its folder, and by the document alone.
    let delivered = files(&environment.work().join("remedia-out"));
    for path in [
        bench.archive(),
        bench.results.clone(),
        bench.results.join("results.json"),
    ] {
        let said = bench.import(&path).with_code(0);
        assert!(said.error.contains("taken already"), "{}", said.error);
    }
    assert_eq!(files(&environment.work().join("remedia-out")), delivered);
}

#[test]
fn the_steps_are_words_for_somebody_who_has_never_seen_a_notebook() {
    let environment = machine(&ROOMS[..1]);
    let said = export(&environment).with_code(7);
    let job = job(&environment);
    let text = said.out.replace(&job, "oak-JOB");
    insta::assert_snapshot!(text, @r#"
    [ENV]/work/oak-colab: 1 photo for run oak-JOB-r2

    Making pictures with Google Colab
    =================================

    Colab lends you a computer with a graphics card, in the browser and free of charge. The two files that steps 2
    and 5 name are all that it needs: 1 photo, about 8 minutes. You need a Google account.

      1. Open https://colab.research.google.com in a browser and sign in.
      2. Choose  File > Upload notebook  and give it
             oak-JOB-r2.ipynb
      3. Choose  Runtime > Change runtime type,  pick  T4 GPU  and save.
      4. Choose  Runtime > Run all.  If Colab warns that it did not write this notebook, choose  Run anyway.
      5. Below the second grey box a button  Choose files  appears. Give it
             oak-JOB-r2.zip
      6. Leave the page open until it is done. The computer must not go to sleep.
      7. At the end the browser saves  oak-JOB-r2-results.zip  in its folder for downloads. Then type

             remedia import oak-JOB oak-JOB-r2-results.zip

         with the place of the file before its name, such as  ~/Downloads/oak-JOB-r2-results.zip

    If something goes wrong

      * "this session has no GPU": do step 3, then step 4 again. If Colab has none to lend, try again in some hours.
      * It stopped before its end: choose  Runtime > Run all  again; it goes on with what is missing. Or take what
        there is: at the end the browser saves it in any case,  remedia import  takes it, and what is missing is asked
        for again. Several such files of this run go into one command, one after the other.
      * "the data of run ... is not here": another archive was given in step 5. Choose  Runtime > Disconnect and
        delete runtime,  then begin with step 3.

    The files are made for exactly this run of remedia; its results are refused for any other.

    Run oak-JOB-r2
    "#);
    let resumed = environment.run(["resume", &job]).with_code(7);
    let told = resumed.error.replace(&job, "oak-JOB");
    let told: String = told
        .lines()
        .rev()
        .take(2)
        .map(|line| format!("{line}\n"))
        .collect();
    insta::assert_snapshot!(told, @r#"
    hint: `remedia import oak-JOB FILE` takes the results
    run `oak-JOB-r2.ipynb` from `[ENV]/work/oak-colab` in Google Colab (`oak-JOB-r2.txt` there tells every step), then type `remedia import oak-JOB oak-JOB-r2-results.zip`
    "#);
}

#[test]
fn the_folder_holds_what_it_held_and_one_that_cannot_be_made_keeps_no_job() {
    let environment = machine(&ROOMS[..1]);
    let work = environment.work();
    let into = |folder: &str| {
        environment.run([
            "export", "oak", "--style", "modern", "--to", "colab", "--folder", folder,
        ])
    };
    fs_err::write(work.join("file"), b"mine").unwrap();
    into("file").with_code(1);
    into("oak").with_code(2);
    into("oak/handed").with_code(2);
    into("elsewhere/../oak/handed").with_code(2);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(work.join("oak"), work.join("linked")).unwrap();
        into("linked/handed").with_code(2);
        fs_err::remove_file(work.join("linked")).unwrap();
    }
    assert_eq!(environment.run(["list", "--json"]).json()["total"], 0);
    assert_eq!(fs_err::read_dir(work.join("oak")).unwrap().count(), 1);
    let own = work.join("oak-colab");
    fs_err::create_dir_all(&own).unwrap();
    fs_err::write(own.join("README.txt"), b"mine").unwrap();
    export(&environment).with_code(7);
    assert_eq!(fs_err::read(own.join("README.txt")).unwrap(), b"mine");
    // The job still hands over where it did.
    into("file/handed").with_code(1);
    let (archive, _) = exported(&own, 2);
    let results = self::work(&archive, &environment.path().join("browser"), None);
    let said = environment.run(["import", "last", results.to_str().unwrap()]);
    said.with_code(0);
}

#[test]
fn the_folder_is_the_one_that_is_named_and_programs_get_a_document() {
    let environment = machine(&ROOMS[..1]);
    let said = environment.run([
        "export",
        "oak",
        "--operations",
        "stage",
        "--to",
        "colab",
        "--folder",
        "for me/now",
        "--json",
    ]);
    let document = said.with_code(7).json();
    assert_eq!(document["state"], "awaiting_operator");
    assert_eq!(document["photos"], 1);
    assert_eq!(document["folder"], "[ENV]/work/for me/now");
    for name in document["files"].as_array().unwrap() {
        let path = environment
            .work()
            .join("for me/now")
            .join(name.as_str().unwrap());
        assert!(path.is_file(), "{name}");
    }
    let other = environment
        .run(["export", "oak", "--to", "colab", "--provider", "kaggle"])
        .with_code(2);
    assert!(other.error.contains("hint: "), "{}", other.error);
    environment.run(["export", "oak"]).with_code(2);
}

#[test]
fn what_is_missing_is_said_and_made_again() {
    // The session died after one photo of two, and one picture was not downloaded.
    let bench = Bench::new(&ROOMS, Some(1));
    let said = bench.import(&bench.archive()).with_code(7);
    assert!(
        said.error.contains("did not reach its end"),
        "{}",
        said.error
    );
    assert!(said.error.contains("remedia import"), "{}", said.error);
    // The next run lies where the person works, and holds what is missing.
    let folder = bench.environment.work().join("oak-colab");
    let (archive, _) = exported(&folder, 3);
    let order: serde_json::Value = serde_json::from_str(&text_in(&archive, "job.json")).unwrap();
    assert_eq!(order["photos"].as_array().unwrap().len(), 1);
    assert!(
        fs_err::read_to_string(folder.join(format!("{}-r3.txt", bench.job)))
            .unwrap()
            .contains("-r3.zip")
    );
    // What was taken before is known, and what comes too late is refused.
    let known = bench.import(&bench.archive()).with_code(7);
    assert!(known.error.contains("taken already"), "{}", known.error);
    let late =
        bench.spoiled(|files| with_document(files, |document| document["complete"] = true.into()));
    let late = bench.import(&late).with_code(6);
    assert!(
        late.error.contains("was answered already"),
        "{}",
        late.error
    );
    let place = bench.environment.path().join("second");
    let results = work(&archive, &place, None);
    bench.import(&results).with_code(0);
    assert_eq!(bench.state(), "delivered");
}

#[test]
fn other_jobs_take_no_results_and_a_cancelled_one_says_so() {
    let bench = Bench::new(&ROOMS[..1], None);
    let archive = bench.archive();
    let text = archive.to_str().unwrap();
    bench.environment.run(["cancel", &bench.job]).with_code(0);
    let said = bench.import(&archive).with_code(1);
    assert!(said.error.contains("cancelled"), "{}", said.error);
    // Begun again, it is another run, and the old results are not its answer.
    bench.environment.run(["resume", &bench.job]).with_code(7);
    assert_eq!(bench.state(), "awaiting_operator");
    let said = bench.import(&archive).with_code(6);
    assert!(
        said.error
            .contains("was given up before it was answered; the job now waits for run"),
        "{}",
        said.error
    );
    bench
        .environment
        .run(["submit", "oak", "--operations", "enhance"])
        .with_code(0);
    let listed = bench.environment.run(["list", "--json"]).json();
    let local = listed["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["job"].as_str().unwrap())
        .find(|job| *job != bench.job)
        .unwrap()
        .to_owned();
    bench.environment.run(["import", &local, text]).with_code(6);
    bench
        .environment
        .run(["import", "nothing", text])
        .with_code(2);
}

#[test]
fn an_import_that_was_cut_off_is_done_by_the_next() {
    let bench = Bench::new(&ROOMS, None);
    let shown = bench.environment.run(["show", &bench.job, "--json"]).json();
    let order = Path::new(
        &shown["work"]
            .as_str()
            .unwrap()
            .replace("[ENV]", &bench.environment.path().display().to_string()),
    )
    .join("orders");
    let order = fs_err::read_dir(order)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.join("colab.json").is_file())
        .unwrap();
    // Pictures without their document: as if the process had been killed between the two.
    let kept = order.join("import/images");
    fs_err::create_dir_all(&kept).unwrap();
    fs_err::write(kept.join("half.jpg"), b"half").unwrap();
    bench.environment.run(["resume", &bench.job]).with_code(7);
    // The document too, but the job was not driven on.
    crate::colab::desk::copy_folder(&bench.results, &order.join("import"));
    bench.environment.run(["run", "--once"]).with_code(0);
    assert_eq!(bench.state(), "delivered");
    let said = bench.import(&bench.archive()).with_code(0);
    assert!(said.error.contains("taken already"), "{}", said.error);
}
