import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SimulatedStage } from './simulated-stage.ts';
import { runStaged } from './staged-history.ts';
import { stagedKinds, stagedScriptOf } from './staged-script.ts';

const seeds = 20;

describe('a staged script', () => {
  it.each(stagedKinds)(`holds in memory for ${seeds} seeds, and its fault strikes: $name`, async (kind) => {
    const logged = new Set<string>();
    for (let seed = 0; seed < seeds; seed++) {
      const outcome = await runStaged(new SimulatedStage(seed), stagedScriptOf(kind, seed));
      expect({ seed, violation: outcome.violation }).toEqual({ seed, violation: null });
      for (const line of outcome.logged) logged.add(line);
    }
    expect([...logged]).toEqual(expect.arrayContaining([...kind.shows]));
  });

  it.each(stagedKinds)('comes to one verdict, however slow each call is: $name', async (kind) => {
    const script = stagedScriptOf(kind, 0);
    const verdicts = [];
    for (const seed of [0, 1, 2]) {
      const { partitions } = await runStaged(new SimulatedStage(seed), script);
      verdicts.push(partitions);
    }
    expect(verdicts[1]).toEqual(verdicts[0]);
    expect(verdicts[2]).toEqual(verdicts[0]);
  });

  it.each(stagedKinds)('is a row of docs/proof.md: $name', ({ name }) => {
    const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'proof.md'), 'utf8');
    expect(text).toContain(`| ${name} |`);
  });
});
