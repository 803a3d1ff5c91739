//! cuDNN's graph interface: descriptors with attributes, and the engines that its heuristic offers for a graph.

use std::ffi::c_void;

use cudarc::cudnn::sys::{
    self as dnn, cudnnBackendAttributeName_t as Name, cudnnBackendAttributeType_t as Type,
    cudnnBackendDescriptorType_t as Kind,
};

use crate::error::Result;
use crate::status::Status;

/// A descriptor of cuDNN's graph interface.
pub(crate) struct Descriptor(dnn::cudnnBackendDescriptor_t);

impl Descriptor {
    pub(crate) fn new(kind: Kind) -> Result<Self> {
        let mut made = std::ptr::null_mut();
        // SAFETY: the pointer is to a live handle, which `drop` destroys.
        unsafe {
            dnn::cudnnBackendCreateDescriptor(kind, &mut made)
                .check("cudnnBackendCreateDescriptor")?
        };
        Ok(Self(made))
    }

    /// Sets an attribute whose elements are `T` in memory.
    fn set<T: Copy>(&self, name: Name, kind: Type, values: &[T]) -> Result<()> {
        // SAFETY: the descriptor lives; the callers below pair each type of attribute with its type in memory.
        unsafe {
            dnn::cudnnBackendSetAttribute(
                self.0,
                name,
                kind,
                values.len() as i64,
                values.as_ptr().cast(),
            )
            .check("cudnnBackendSetAttribute")
        }
    }

    pub(crate) fn integers(&self, name: Name, values: &[i64]) -> Result<()> {
        self.set(name, Type::CUDNN_TYPE_INT64, values)
    }

    pub(crate) fn float(&self, name: Name, value: f32) -> Result<()> {
        self.set(name, Type::CUDNN_TYPE_FLOAT, &[value])
    }

    pub(crate) fn truth(&self, name: Name, value: bool) -> Result<()> {
        self.set(name, Type::CUDNN_TYPE_BOOLEAN, &[value])
    }

    pub(crate) fn data_type(&self, name: Name, value: dnn::cudnnDataType_t) -> Result<()> {
        self.set(name, Type::CUDNN_TYPE_DATA_TYPE, &[value])
    }

    pub(crate) fn mode(&self, name: Name, value: dnn::cudnnConvolutionMode_t) -> Result<()> {
        self.set(name, Type::CUDNN_TYPE_CONVOLUTION_MODE, &[value])
    }

    pub(crate) fn pointwise(&self, name: Name, value: dnn::cudnnPointwiseMode_t) -> Result<()> {
        self.set(name, Type::CUDNN_TYPE_POINTWISE_MODE, &[value])
    }

    pub(crate) fn handle(&self, name: Name, value: dnn::cudnnHandle_t) -> Result<()> {
        self.set(name, Type::CUDNN_TYPE_HANDLE, &[value])
    }

    pub(crate) fn addresses(&self, name: Name, values: &[u64]) -> Result<()> {
        self.set(name, Type::CUDNN_TYPE_VOID_PTR, values)
    }

    pub(crate) fn descriptors(&self, name: Name, values: &[&Self]) -> Result<()> {
        let handles = values.iter().map(|value| value.0).collect::<Vec<_>>();
        self.set(name, Type::CUDNN_TYPE_BACKEND_DESCRIPTOR, &handles)
    }

    pub(crate) fn finalize(self) -> Result<Self> {
        // SAFETY: the descriptor lives.
        unsafe { dnn::cudnnBackendFinalize(self.0).check("cudnnBackendFinalize")? };
        Ok(self)
    }

    /// Reads as many elements of an attribute as there is room for, each `T` in memory, and tells how many there were.
    fn get<T: Copy>(&self, name: Name, kind: Type, values: &mut [T]) -> Result<usize> {
        let mut count = 0;
        // SAFETY: the descriptor lives, and there is room for the number of elements asked for.
        unsafe {
            dnn::cudnnBackendGetAttribute(
                self.0,
                name,
                kind,
                values.len() as i64,
                &mut count,
                values.as_mut_ptr().cast::<c_void>(),
            )
            .check("cudnnBackendGetAttribute")?;
        }
        Ok((count.max(0) as usize).min(values.len()))
    }

    pub(crate) fn integer(&self, name: Name) -> Result<i64> {
        let mut value = [0i64];
        self.get(name, Type::CUDNN_TYPE_INT64, &mut value)?;
        Ok(value[0])
    }

    /// Runs this execution plan on the pointers of a variant pack.
    pub(crate) fn execute(&self, handle: dnn::cudnnHandle_t, pack: &Self) -> Result<()> {
        // SAFETY: both descriptors are finalized and live; the pack's addresses are device memory.
        unsafe { dnn::cudnnBackendExecute(handle, self.0, pack.0).check("cudnnBackendExecute") }
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: made by the create call, destroyed once.
        unsafe { dnn::cudnnBackendDestroyDescriptor(self.0) };
    }
}

/// Properties of an engine that change its results, a bit for each of cuDNN's numerical notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numerics(u32);

impl Numerics {
    fn has(self, note: dnn::cudnnBackendNumericalNote_t) -> bool {
        self.0 & (1 << note as u32) != 0
    }

    /// Whether results are sums of products of the operands, in f32, the same each time; with `exact`, of the operands
    /// as they are.
    pub(crate) fn serve(self, exact: bool) -> bool {
        use dnn::cudnnBackendNumericalNote_t as Note;
        let never = [
            Note::CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION,
            Note::CUDNN_NUMERICAL_NOTE_FFT,
            Note::CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC,
            Note::CUDNN_NUMERICAL_NOTE_WINOGRAD,
        ];
        // The matrix units take f32 operands as TF32.
        let rounding = [
            Note::CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS,
            Note::CUDNN_NUMERICAL_NOTE_TENSOR_CORE,
        ];
        let rounds = rounding.into_iter().any(|note| self.has(note));
        let altered = never.into_iter().any(|note| self.has(note)) || (exact && rounds);
        !altered
    }
}

/// A way to run a graph: an engine with its settings.
pub(crate) struct Candidate {
    configuration: Descriptor,
    pub(crate) numerics: Numerics,
    /// The engine's number in cuDNN.
    pub(crate) engine: i64,
}

/// What the heuristic offers for a graph, best first, at most `room`.
pub(crate) fn candidates(
    graph: &Descriptor,
    mode: dnn::cudnnBackendHeurMode_t,
    room: usize,
) -> Result<Vec<Candidate>> {
    let heuristic = Descriptor::new(Kind::CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR)?;
    heuristic.descriptors(Name::CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, &[graph])?;
    heuristic.set(
        Name::CUDNN_ATTR_ENGINEHEUR_MODE,
        Type::CUDNN_TYPE_HEUR_MODE,
        &[mode],
    )?;
    let heuristic = heuristic.finalize()?;
    let made = (0..room)
        .map(|_| Descriptor::new(Kind::CUDNN_BACKEND_ENGINECFG_DESCRIPTOR))
        .collect::<Result<Vec<_>>>()?;
    // cuDNN fills the descriptors behind these handles.
    let mut handles = made
        .iter()
        .map(|descriptor| descriptor.0)
        .collect::<Vec<_>>();
    let count = heuristic.get(
        Name::CUDNN_ATTR_ENGINEHEUR_RESULTS,
        Type::CUDNN_TYPE_BACKEND_DESCRIPTOR,
        &mut handles,
    )?;
    made.into_iter().take(count).map(Candidate::new).collect()
}

impl Candidate {
    fn new(configuration: Descriptor) -> Result<Self> {
        let engine = Descriptor::new(Kind::CUDNN_BACKEND_ENGINE_DESCRIPTOR)?;
        let mut handle = [engine.0];
        configuration.get(
            Name::CUDNN_ATTR_ENGINECFG_ENGINE,
            Type::CUDNN_TYPE_BACKEND_DESCRIPTOR,
            &mut handle,
        )?;
        let mut notes = [u32::MAX; 32];
        let name = Name::CUDNN_ATTR_ENGINE_NUMERICAL_NOTE;
        let count = engine.get(name, Type::CUDNN_TYPE_NUMERICAL_NOTE, &mut notes)?;
        let bits = notes[..count]
            .iter()
            .filter(|&&note| note < 32)
            .fold(0, |bits, note| bits | 1 << note);
        let engine = engine.integer(Name::CUDNN_ATTR_ENGINE_GLOBAL_INDEX)?;
        Ok(Self {
            configuration,
            numerics: Numerics(bits),
            engine,
        })
    }

    /// The execution plan of this candidate; an engine may find only here that it cannot serve.
    pub(crate) fn plan(&self, handle: dnn::cudnnHandle_t) -> Result<Plan> {
        let plan = Descriptor::new(Kind::CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR)?;
        plan.handle(Name::CUDNN_ATTR_EXECUTION_PLAN_HANDLE, handle)?;
        plan.descriptors(
            Name::CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG,
            &[&self.configuration],
        )?;
        let plan = plan.finalize()?;
        let workspace_bytes = plan
            .integer(Name::CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE)?
            .max(0) as u64;
        Ok(Plan {
            plan,
            workspace_bytes,
        })
    }
}

/// An engine made ready for a graph.
pub(crate) struct Plan {
    pub(crate) plan: Descriptor,
    pub(crate) workspace_bytes: u64,
}

// SAFETY: a finalized descriptor is not changed, and each run holds the handle's lock.
unsafe impl Send for Plan {}
// SAFETY: as above.
unsafe impl Sync for Plan {}

#[cfg(test)]
mod tests {
    use super::Numerics;
    use cudarc::cudnn::sys::cudnnBackendNumericalNote_t as Note;

    fn with(notes: &[Note]) -> Numerics {
        Numerics(notes.iter().fold(0, |bits, &note| bits | 1 << note as u32))
    }

    #[test]
    fn engines_that_compute_something_else_do_not_serve() {
        let matrix_units = with(&[Note::CUDNN_NUMERICAL_NOTE_TENSOR_CORE]);
        assert!(
            matrix_units.serve(false) && !matrix_units.serve(true),
            "TF32 where f32 is asked for"
        );
        let plain = with(&[]);
        assert!(plain.serve(false) && plain.serve(true));
        for note in [
            Note::CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION,
            Note::CUDNN_NUMERICAL_NOTE_FFT,
            Note::CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC,
            Note::CUDNN_NUMERICAL_NOTE_WINOGRAD,
        ] {
            assert!(!with(&[note]).serve(false), "{note:?}");
        }
    }
}
