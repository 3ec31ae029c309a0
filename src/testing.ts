/** The package `sluice/testing`: what a project's own tests call. Runs on Node as well as on workerd. */
export { testPipeline, type PipelineTestOptions } from "./pipeline/test-pipeline.ts";
