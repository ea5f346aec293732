//! Files that a manifest names: a table of latencies, and a list of links. What they say takes their place, so that the
//! manifest of a run folder needs nothing beside it.

use std::path::Path;

use tidings_sim::latency::{LinkSpec, Matrix};
use tidings_sim::overlay::{Edge, Shape};

use super::Manifest;

impl Manifest {
    /// Reads the files that are named, by paths from where the program was started.
    ///
    /// # Errors
    /// A sentence about the first that can't be read or is something else.
    pub fn read_files(&mut self) -> Result<(), String> {
        if let LinkSpec::Matrix { file, table, .. } = &mut self.link
            && let Some(file) = file.take()
        {
            if *table != Matrix::default() {
                return Err(
                    "link.file and link.table are both given: leave one of them out".to_owned()
                );
            }
            let said = read("link.file", Path::new(&file))?;
            *table = Matrix::parse(&said).map_err(|error| format!("link.file {file}: {error}"))?;
        }
        let network = &mut self.network;
        if let Some(file) = network.links_file.take() {
            if !network.links.is_empty() {
                return Err(
                    "network.links_file and network.links are both given: leave one of them out"
                        .to_owned(),
                );
            }
            network.topology = Shape::Listed;
            let said = read("network.links_file", &file)?;
            network.links = links(&said)
                .map_err(|error| format!("network.links_file {}: {error}", file.display()))?;
        }
        Ok(())
    }
}

fn read(key: &str, path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path)
        .map_err(|error| format!("{key}: cannot read {}: {error}", path.display()))
}

/// A table whose first two columns are `from` and `to`.
fn links(text: &str) -> Result<Vec<Edge>, String> {
    let mut lines = text.lines().zip(1_usize..);
    let columns = lines.next().map_or("", |(line, _)| line);
    let mut names = columns.split(',').map(str::trim);
    if (names.next(), names.next()) != (Some("from"), Some("to")) {
        return Err("line 1 must begin with `from,to`".to_owned());
    }
    let link = |(line, number): (&str, usize)| {
        let mut fields = line.split(',').map(|field| field.trim().parse::<u32>());
        match (fields.next(), fields.next()) {
            (Some(Ok(from)), Some(Ok(to))) => Ok((from, to)),
            _ => Err(format!("line {number} doesn't begin with the numbers of two nodes")),
        }
    };
    lines.filter(|(line, _)| !line.trim().is_empty()).map(link).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, said) in files {
            std::fs::write(folder.path().join(name), said).unwrap();
        }
        folder
    }

    fn parsed(files: &[(&str, &str)], text: &str) -> Result<Manifest, String> {
        let folder = folder(files);
        Manifest::parse(&text.replace("DIR", &folder.path().display().to_string()))
    }

    #[test]
    fn what_files_say_takes_their_place() {
        let table = ("m.csv", "region,share,a,b\na,1,1,50\nb,1,60,1\n");
        let list = ("l.csv", "from,to,at_begin\n0,1,true\n1,2,true\n2,3,false\n");
        let text = "[network]\nnodes = 4\nlinks_file = \"DIR/l.csv\"\n\
                    [link]\nmodel = \"matrix\"\nfile = \"DIR/m.csv\"\njitter = 0.1\n";
        let manifest = parsed(&[table, list], text).unwrap();
        assert_eq!(manifest.network.topology, Shape::Listed);
        assert_eq!(manifest.network.links, [(0, 1), (1, 2), (2, 3)]);
        let LinkSpec::Matrix { file: None, table, .. } = &manifest.link else {
            panic!("{:?}", manifest.link)
        };
        assert_eq!(table.regions, ["a", "b"]);
        let written = toml::to_string(&manifest).unwrap();
        assert_eq!(Manifest::parse(&written).unwrap(), manifest, "{written}");
    }

    #[test]
    fn a_file_that_is_missing_or_wrong_is_named() {
        let listed = "[network]\nnodes = 4\nlinks_file = \"DIR/l.csv\"\n";
        for (said, sentence) in [
            ("a,b\n", "line 1 must begin with `from,to`"),
            ("from,to\n0,x\n", "line 2 doesn't begin"),
            ("from,to\n0,4\n", "there is no node 4 among 4"),
            ("from,to\n1,1\n", "can't be linked with itself"),
            ("from,to\n1,2\n2,1\n", "are linked twice"),
            ("from,to\n", "topology listed needs"),
        ] {
            let error = parsed(&[("l.csv", said)], listed).unwrap_err();
            assert!(error.contains(sentence), "{said:?}: {error}");
        }
        let error = parsed(&[], listed).unwrap_err();
        assert!(error.contains("network.links_file: cannot read"), "{error}");
        let error = parsed(&[], "[network]\nlinks = [[0, 1]]\n").unwrap_err();
        assert!(error.contains("only has a meaning with topology listed"), "{error}");
        let error = parsed(&[], "[link]\nmodel = \"matrix\"\n").unwrap_err();
        assert!(error.contains("has 0 regions"), "{error}");
    }
}
