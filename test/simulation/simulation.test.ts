import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withChange } from '../mutants/planted-change.ts';
import { runHistory } from './history.ts';
import { findPlanted, plantedFaults } from './planted.ts';
import { faultKindsMin, type Script, scriptOf } from './script.ts';
import { search, toScriptText } from './search.ts';

const seeds = 10_000;
const pointsMin = 200;
const plantedSeedsMax = 1000;
const root = join(import.meta.dirname, '..', '..');
const kept = join(import.meta.dirname, 'kept');

/** The transitions that the specification lists: code spans of the first column of its table. */
function listedTransitions(): readonly string[] {
  const text = readFileSync(join(root, 'shared', 'SPEC.md'), 'utf8');
  const [, section = ''] = text.split('\n## States and transitions that the simulation reaches\n');
  return [...(section.split('\n## ')[0] ?? '').matchAll(/^\| `([^`]+)` \|/gm)].map(([, name = '']) => name);
}

describe('the simulation', () => {
  it('makes one history of one seed, bit for bit', async () => {
    for (const seed of [3, 9]) {
      const [first, second] = [await runHistory(scriptOf(seed)), await runHistory(scriptOf(seed))];
      expect(second).toEqual(first);
    }
  });

  it.each(readdirSync(kept))('holds in a history that once failed: %s', async (file) => {
    // Written by `odometer soak`.
    const script = JSON.parse(readFileSync(join(kept, file), 'utf8')) as Script;
    expect((await runHistory(script)).violation).toBeNull();
  });

  it(`finds nothing in ${seeds} histories, and they reach every transition of the specification`, async () => {
    const { failures, reached, ...found } = await search({ first: 0, count: seeds, failuresMax: 3 });
    const [failure] = failures;
    const replay = failure && `${failure.violation}; replay: odometer soak --first ${failure.seed} --seeds 1`;
    expect(replay).toBeUndefined();
    expect(found.seeds).toBe(seeds);
    expect(found.pointsMin).toBeGreaterThanOrEqual(pointsMin);
    expect(found.faultKindsMin).toBeGreaterThanOrEqual(faultKindsMin);
    expect(listedTransitions().length).toBeGreaterThan(20);
    expect(listedTransitions().filter((name) => !reached.includes(name))).toEqual([]);
  });

  it('keeps a script as text that reads back as the same script', () => {
    expect(JSON.parse(toScriptText(scriptOf(5)))).toEqual(scriptOf(5));
  });
});

describe('planted faults', () => {
  it.each(plantedFaults)('$name: changes one place', (fault) => {
    const text = readFileSync(join(root, fault.file), 'utf8');
    expect(withChange(text, fault)).not.toBe(text);
  });

  it.each(plantedFaults)(`$name: is found within ${plantedSeedsMax} seeds`, async (fault) => {
    expect(await findPlanted(fault, plantedSeedsMax)).not.toBeNull();
  });

  it('stand in the table of docs/proof.md', () => {
    const text = readFileSync(join(root, 'docs', 'proof.md'), 'utf8');
    expect(plantedFaults.filter(({ name }) => !text.includes(`| ${name} |`))).toEqual([]);
  });
});
