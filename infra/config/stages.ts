import { local } from './local.ts';
import { production } from './production.ts';
import type { Stage } from './stage.ts';
import { staging } from './staging.ts';

const stages: readonly Stage[] = [local, staging, production];

/** The stage that `--context stage=NAME` names; production is never meant by silence. */
export function stageNamed(name: unknown): Stage {
  const stage = stages.find((one) => one.name === (name ?? staging.name));
  if (stage !== undefined) return stage;
  throw new Error(`there is no stage ${name}; the stages are ${stages.map((one) => one.name).join(', ')}`);
}
