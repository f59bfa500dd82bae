/** Stages synthesized in this process, without bundling unless a test asks for it; each once. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { z } from 'zod';
import { addChecks } from '../../infra/checks/checks.ts';
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
  /** By stack name without the stage: `App`, `Data`, `Network`, `Monitoring`, `Evidence`. */
  readonly templates: ReadonlyMap<string, Template>;
  /** What the checks found and nobody acknowledged, `RULE at PATH`; errors and warnings. */
  readonly findings: readonly string[];
  /** The stacks that refuse to be deleted. */
  readonly terminationProtected: readonly string[];
  /** Each stack's account. */
  readonly accounts: readonly string[];
}

export type { Template } from 'aws-cdk-lib/assertions';

const known = new Map<Stage, Synthesized>();

export function synthesize(stage: Stage, { first } = { first: false }): Synthesized {
  const found = first ? undefined : known.get(stage);
  if (found !== undefined) return found;
  const app = new App({
    outdir: mkdtempSync(join(tmpdir(), 'odometer-synth-')),
    context: { ...cdkJson.context, 'aws:cdk:bundling-stacks': [] },
  });
  addStacks(app, stage, { first });
  const made = synthesizeApp(app);
  if (!first) known.set(stage, made);
  return made;
}

export function synthesizeApp(app: App): Synthesized {
  addChecks(app);
  const stacks = stacksOf(app);
  const file = readFileSync(join(app.outdir, 'validation-report.json'), 'utf8');
  const findings = report
    .parse(JSON.parse(file))
    .pluginReports.flatMap(({ violations }) => violations)
    .flatMap(({ ruleName, violatingConstructs }) =>
      violatingConstructs.map(({ constructPath }) => `${ruleName} at ${constructPath}`),
    );
  const templates = stacks.map((stack) => {
    return [nameOf(stack), Template.fromJSON(stack.template)] as const;
  });
  rmSync(app.outdir, { recursive: true });
  return {
    templates: new Map(templates),
    findings,
    terminationProtected: stacks.filter((stack) => stack.terminationProtection === true).map(nameOf),
    accounts: stacks.map((stack) => stack.environment.account),
  };
}

function nameOf({ stackName }: { readonly stackName: string }): string {
  return stackName.split('-').at(-1) ?? '';
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
