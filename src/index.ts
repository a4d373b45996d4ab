/**
 * One-shot KV cache steering: extract a vector from contrastive pairs, add it once to the KV cache after prefill,
 * generate as usual (Belitsky et al., arXiv 2507.08799).
 *
 * @packageDocumentation
 */
export type { FieldMap } from './data/field-map.ts';
export { type DataProgress, type LoadQuestionsOptions, loadQuestions } from './data/load-questions.ts';
export { type OverlappingQuestion, removeOverlap, type WithoutOverlap } from './data/overlap.ts';
export type { Question } from './data/question.ts';
export { questionKey } from './data/question-key.ts';
export type {
  DataReport,
  DuplicateQuestion,
  Findings,
  MalformedRow,
  QuestionSet,
} from './data/question-set.ts';
export { saveQuestions } from './data/save-questions.ts';
export { type QuestionSplit, type SplitOptions, splitQuestions } from './data/split-questions.ts';
export type {
  Capabilities,
  ChatMessage,
  Engine,
  FinishReason,
  GenerateEvent,
  GenerateOptions,
  KvCache,
  ModelInfo,
  Prefill,
  PrefillOptions,
  ResidualOffset,
  Slot,
  Tokenizer,
} from './engine/engine.ts';
export type { Precision } from './engine/onnx/load-onnx-engine.ts';
export {
  ContextOverflowError,
  DataNotFoundError,
  DisposedError,
  DownloadError,
  InvalidArgumentError,
  InvalidFileError,
  KvSteerError,
  type KvSteerErrorCode,
  MissingPackageError,
  ModelMismatchError,
  ModelNotFoundError,
  OutOfMemoryError,
  RuntimeFailureError,
  TeacherError,
  UnsupportedModelError,
  UploadError,
} from './errors.ts';
export { type ActivationPlan, type ActivationVector, extractActivation } from './evaluate/activation.ts';
export { type Budget, chooseSetting, type TriedSetting } from './evaluate/choose.ts';
export type { Condition } from './evaluate/condition.ts';
export { shuffleLabels, withNormsOf } from './evaluate/controls.ts';
export {
  type EvaluateOptions,
  type EvaluateProgress,
  type Evaluation,
  evaluate,
} from './evaluate/evaluate.ts';
export type {
  AnswerRecord,
  Comparison,
  ConditionConfig,
  ConditionSummary,
  RunConfig,
  RunSummary,
  Sampling,
  ScorerName,
} from './evaluate/run.ts';
export { readRun, type StoredRun } from './evaluate/run-folder.ts';
export { type Scorer, scorerFor, scorers } from './evaluate/scorers.ts';
export {
  COT_PROMPT,
  type ConditionParts,
  type StandardCondition,
  standardConditionNames,
  standardConditions,
} from './evaluate/standard-conditions.ts';
export { bootstrapMean } from './evaluate/statistics/bootstrap.ts';
export { holm } from './evaluate/statistics/holm.ts';
export { mcnemarExact } from './evaluate/statistics/mcnemar.ts';
export { type Interval, wilsonInterval } from './evaluate/statistics/wilson.ts';
export { activationSettings, type Tuned, type TuneOptions, type TuneRecord, tune } from './evaluate/tune.ts';
export { DEFAULT_EMBEDDER, type LoadEmbedderOptions, loadEmbedder } from './load-embedder.ts';
export { type LoadEngineOptions, type LoadProgress, loadEngine } from './load-engine.ts';
export {
  HttpStatusError,
  type ListedModel,
  listModels,
  type ModelKind,
  type ModelProgress,
  type ModelProgressListener,
  type ModelState,
  type PullOptions,
  pullModel,
  type ResolvedModel,
  type ResolveOptions,
  resolveModel,
} from './models/index.ts';
export { type BuildPairsOptions, buildPairs, type LeftOutPair, pairsOf } from './pairs/build-pairs.ts';
export type { EmbedOptions, SentenceEmbedder } from './pairs/embed/sentence-embedder.ts';
export type { PairItem, PairStyles, StyledItem } from './pairs/item.ts';
export { nearestByEmbedding } from './pairs/nearest.ts';
export type { Offset } from './pairs/offset-token.ts';
export { type ContrastivePair, makePair, type PairOptions, type PairPrompt } from './pairs/pair.ts';
export { hashPairs } from './pairs/pair-hash.ts';
export { type QuestionItems, questionItems } from './pairs/question-items.ts';
export { pairsOfFile, readItemsFile, readPairsFile } from './pairs/read-pairs-file.ts';
export type { ExampleChooser, ExampleSelection } from './pairs/select-examples.ts';
export { type ConditionChange, compareRuns, type RunComparison } from './report/compare-runs.ts';
export { readReportRun } from './report/read-report-run.ts';
export { reportHtml } from './report/report-html.ts';
export { reportMarkdown } from './report/report-markdown.ts';
export type { ReportRun } from './report/report-run.ts';
export { type Found, RunDatabase } from './report/run-database.ts';
export { type PulledVector, pullVector } from './sharing/pull-vector.ts';
export { type PushedVector, type PushVectorOptions, pushVector } from './sharing/push-vector.ts';
export { applyPlan } from './steer/apply-plan.ts';
export { engineTeacher } from './steer/engine-teacher.ts';
export type { CentroidChoice, LayerSelection, ResolvedPlan, SteeringPlan } from './steer/plan.ts';
export type { Prompt } from './steer/prompt.ts';
export {
  generate,
  generateSteered,
  type SteerEvent,
  type SteerOptions,
  type SteerResult,
  steer,
} from './steer/steer.ts';
export { type AblateOptions, ablateHeads } from './study/ablate-heads.ts';
export type { ForcedQuestion } from './study/key-effects.ts';
export { gridConditions, type SweepGrid } from './sweep/grid.ts';
export { answerQueue, type WorkerEvent, type WorkOptions } from './sweep/queue/answer-queue.ts';
export { runSweep, type Sweep, type SweepOptions, type SweepProgress } from './sweep/run-sweep.ts';
export {
  type Axis,
  type CurvePoint,
  type StabilityCurve,
  stabilityCurves,
  type UsableRange,
} from './sweep/stability.ts';
export { type SweepVectorsOptions, sweepVectors, type VectorGrid } from './sweep/sweep-vectors.ts';
export { fileTraces, type GivenTraces, rationaleTraces } from './traces/given-traces.ts';
export {
  type DroppedQuestion,
  type MakeTracesOptions,
  makeTraces,
  type TraceCounts,
  type TraceProgress,
  type TraceSummary,
} from './traces/make-traces.ts';
export { type OpenAiTeacherOptions, openAiTeacher } from './traces/openai-teacher.ts';
export { type StyleName, styleNames } from './traces/styles.ts';
export type { Teacher, TeacherReply, TeacherRequest, TokenUsage } from './traces/teacher.ts';
export { type TraceItem, type TraceOrigin, writeTraceItems } from './traces/trace-item.ts';
export type { AggregationOptions, PairAggregation } from './vectors/aggregate/aggregator.ts';
export {
  addVectors,
  interpolateVectors,
  negateVector,
  projectOut,
  scaleVector,
  subtractVectors,
} from './vectors/algebra.ts';
export {
  type ExtractOptions,
  type ExtractProgress,
  extractVector,
  type Pairs,
} from './vectors/extract-vector.ts';
export {
  type CachedExtraction,
  type CachedExtractOptions,
  extractCached,
  type RepeatablePairs,
} from './vectors/extraction-cache.ts';
export { inspectVector, type VectorInspection } from './vectors/inspect-vector.ts';
export type { NormInterval, NormIntervals } from './vectors/norm-interval.ts';
export {
  chooseHeads,
  type HeadChoice,
  keepHeads,
  pruneByNorm,
  pruneByReliability,
  type ScoredHead,
} from './vectors/prune.ts';
export { randomVector } from './vectors/random-vector.ts';
export type { VectorStatistics } from './vectors/statistics.ts';
export {
  type Aggregation,
  type Centroid,
  type KeyMode,
  type ModelIdentity,
  makeVector,
  modelIdentity,
  type Recommended,
  type SteeringVector,
  type VectorFields,
} from './vectors/vector.ts';
export { vectorFromBytes, vectorToBytes } from './vectors/vector-bytes.ts';
export { loadVector, saveVector } from './vectors/vector-file.ts';
export { assertVectorFits, type FitOptions } from './vectors/vector-fits.ts';
