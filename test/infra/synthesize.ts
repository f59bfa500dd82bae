/** Stages synthesized in this process, without bundling unless a test asks for it; each once. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Validations } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { AwsSolutionsChecks } from 'cdk-nag';
import { z } from 'zod';
import type { Stage } from '../../infra/config/stage.ts';
import { addStacks } from '../../infra/stacks/add-stacks.ts';

const root = join(import.meta.dirname, '..', '..');
const cdkJson = z
  .object({ context: z.record(z.string(), z.unknown()) })
  .parse(JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8')));

const report = z.object({
  pluginReports: z.array(
    z.object({
      conclusion: z.string(),
      violations: z.array(
        z.object({
          ruleName: z.string(),
          violatingConstructs: z.array(z.object({ constructPath: z.string() })),
        }),
      ),
    }),
  ),
});

export interface Synthesized {
  /** By stack name without the stage: `App`, `Data`, `Network`, `Monitoring`. */
  readonly templates: ReadonlyMap<string, Template>;
  /** What the checks found and nobody acknowledged, `RULE at PATH`; errors and warnings. */
  readonly findings: readonly string[];
}

const known = new Map<Stage, Synthesized>();

export function synthesize(stage: Stage): Synthesized {
  const found = known.get(stage);
  if (found !== undefined) return found;
  const app = new App({
    outdir: mkdtempSync(join(tmpdir(), 'odometer-synth-')),
    context: { ...cdkJson.context, 'aws:cdk:bundling-stacks': [] },
  });
  addStacks(app, stage);
  const made = synthesizeApp(app);
  known.set(stage, made);
  return made;
}

export function synthesizeApp(app: App): Synthesized {
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  const stacks = stacksOf(app);
  const file = readFileSync(join(app.outdir, 'validation-report.json'), 'utf8');
  const findings = report
    .parse(JSON.parse(file))
    .pluginReports.flatMap(({ violations }) => violations)
    .flatMap(({ ruleName, violatingConstructs }) =>
      violatingConstructs.map(({ constructPath }) => `${ruleName} at ${constructPath}`),
    );
  const templates = stacks.map((stack) => {
    return [stack.stackName.split('-').at(-1) ?? '', Template.fromJSON(stack.template)] as const;
  });
  rmSync(app.outdir, { recursive: true });
  return { templates: new Map(templates), findings };
}

/** None where a check failed: the report says why, and the tests read it. */
function stacksOf(app: App) {
  try {
    return app.synth().stacks;
  } catch (error) {
    if (error instanceof Error && error.name === 'ValidationFailed') return [];
    throw error;
  }
}

/** The template of one stack. */
export function templateOf(stage: Stage, stack: string): Template {
  const template = synthesize(stage).templates.get(stack);
  if (template === undefined) throw new Error(`${stage.name} has no stack ${stack}`);
  return template;
}

/** The properties of every resource of a type, by logical id. */
export function propertiesOf(template: Template, type: string): readonly Record<string, unknown>[] {
  return Object.values(template.findResources(type)).map((resource) => resource['Properties']);
}
