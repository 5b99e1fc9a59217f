//! Tensors of other names than the network's: by the shapes of their modules, and in order where shapes are equal.
//!
//! A module is what has one prefix: weight, bias and statistics together. A module of the file can be a module of the
//! network if both have the same tensors of the same shapes. Where several can, they are taken in order: that of the
//! file, if it has one of its own, or that of the numbers in their names, if nothing else differs. Otherwise two orders
//! fit, and none is taken.

use crate::model::NamedTensor;
use crate::tensors::Tensor;
use crate::tensors::order::{natural, without_numbers};
use std::collections::BTreeMap;

/// The tensors of a module: last part of the name, shape, place.
struct Module<'a> {
    name: &'a str,
    tensors: Vec<(&'a str, &'a [usize], usize)>,
}

/// Names and shapes of the tensors of a module.
type Form<'a> = Vec<(&'a str, &'a [usize])>;

impl<'a> Module<'a> {
    /// Groups tensors by the module before the last `.`, in the order of the first of each.
    fn group(tensors: impl Iterator<Item = (&'a str, &'a [usize], usize)>) -> Vec<Self> {
        let mut modules: Vec<Self> = Vec::new();
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for (name, shape, place) in tensors {
            let (module, last) = name.rsplit_once('.').unwrap_or(("", name));
            let at = *places.entry(module).or_insert_with(|| {
                modules.push(Self { name: module, tensors: Vec::new() });
                modules.len() - 1
            });
            modules[at].tensors.push((last, shape, place));
        }
        modules.iter_mut().for_each(|module| module.tensors.sort());
        modules
    }

    fn form(&self) -> Form<'a> {
        self.tensors.iter().map(|&(last, shape, _)| (last, shape)).collect()
    }

    fn description(&self) -> String {
        let tensors: Vec<String> =
            self.form().iter().map(|(last, shape)| format!("{last} {shape:?}")).collect();
        format!("{} ({})", self.name, tensors.join(", "))
    }
}

/// From the names of a network's pieces to the places of the file's tensors. `found` has the names without prefixes.
///
/// # Errors
/// A module that fits none of the network, or none of the file; two orders that both fit.
pub fn pair<'n>(
    file: &[Tensor],
    found: &[(&str, usize)],
    own_order: bool,
    expected: &[&'n NamedTensor],
) -> Result<BTreeMap<&'n str, usize>, String> {
    let theirs = Module::group(found.iter().map(|&(name, at)| (name, file[at].shape.as_slice(), at)));
    let ours =
        Module::group(expected.iter().enumerate().map(|(i, t)| (t.name.as_str(), t.shape.as_slice(), i)));
    let mut forms: BTreeMap<Form, (Vec<&Module>, Vec<&Module>)> = BTreeMap::new();
    for module in &theirs {
        forms.entry(module.form()).or_default().0.push(module);
    }
    for module in &ours {
        forms.entry(module.form()).or_default().1.push(module);
    }
    let mut pairs = BTreeMap::new();
    for (mut file, mut network) in forms.into_values() {
        if file.len() != network.len() {
            let module = file.first().or(network.first()).expect("a form of something").description();
            return Err(format!(
                "by order {} modules such as {module} expected, found {}",
                network.len(),
                file.len()
            ));
        }
        let numbered = |modules: &[&Module]| {
            modules.windows(2).all(|pair| without_numbers(pair[0].name) == without_numbers(pair[1].name))
        };
        if !own_order && !numbered(&file) {
            // The network's own names of several parts, such as `layer1.0.bn2`, belong to nothing else.
            let is_own = |module: &&Module, of: &[&Module]| {
                module.name.contains('.') && of.iter().any(|other| other.name == module.name)
            };
            type Both<'m, 'a> = (Vec<&'m Module<'a>>, Vec<&'m Module<'a>>);
            let (named, rest): Both = file.iter().partition(|module| is_own(module, &network));
            let (of_names, others): Both = network.iter().partition(|module| is_own(module, &file));
            if !numbered(&rest) {
                let (a, b) = two_orders(&rest);
                return Err(format!(
                    "by order two modules have the same shapes, {a} and {b}, and nothing says which comes first: \
                     the file has no order of its own, and their names differ in more than numbers; rename them to \
                     the names of the network, such as {} and {}",
                    others[0].name,
                    others.get(1).map_or("", |module| module.name)
                ));
            }
            let (named, of_names) = (by_name(named), by_name(of_names));
            file = [named, sorted(rest)].concat();
            network = [of_names, others].concat();
        } else if !own_order {
            file = sorted(file);
        }
        for (theirs, ours) in file.iter().zip(&network) {
            for (&(_, _, at), &(_, _, place)) in theirs.tensors.iter().zip(&ours.tensors) {
                pairs.insert(expected[place].name.as_str(), at);
            }
        }
    }
    Ok(pairs)
}

fn by_name<'m, 'a>(mut modules: Vec<&'m Module<'a>>) -> Vec<&'m Module<'a>> {
    modules.sort_by_key(|module| module.name);
    modules
}

fn sorted<'m, 'a>(mut modules: Vec<&'m Module<'a>>) -> Vec<&'m Module<'a>> {
    modules.sort_by_cached_key(|module| natural(module.name));
    modules
}

/// Two modules whose names differ in more than numbers.
fn two_orders<'a>(modules: &[&Module<'a>]) -> (&'a str, &'a str) {
    let pair = modules.windows(2).find(|pair| without_numbers(pair[0].name) != without_numbers(pair[1].name));
    pair.map_or(("", ""), |pair| (pair[0].name, pair[1].name))
}
