import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { requestEngineDevice, type EngineDevice, type EngineDeviceOptions } from '../../src/gpu/device.ts';
import { openCheckpoint, type Checkpoint } from '../../src/model/checkpoint.ts';
import type { LoadOptions } from '../../src/model/planner.ts';
import { ModelSession } from '../../src/model/session.ts';
import { fixtureFiles } from './checkpoint.ts';
import { nodeGpu } from './gpu.ts';

export const smallLoad: LoadOptions & { logitRows: number } = {
  weightType: 'f32',
  kvType: 'f32',
  contextLength: 256,
  chunkTokens: 64,
  logitRows: 64,
};

/** A device on the adapter under test; null (tests skip) without one. */
export async function engineDevice(options: EngineDeviceOptions = {}): Promise<EngineDevice | null> {
  const gpu = await nodeGpu();
  return gpu && requestEngineDevice(gpu, options);
}

/** A fixture checkpoint with changes to its config; `generation: null` leaves generation_config.json out. */
export async function fixtureCheckpoint(
  model: string,
  overrides: Record<string, unknown> = {},
): Promise<Checkpoint> {
  const folder = resolve(import.meta.dirname, '../fixtures/models', model);
  const config = JSON.parse(readFileSync(resolve(folder, 'config.json'), 'utf8')) as object;
  return openCheckpoint(
    fixtureFiles(model, {
      'config.json': JSON.stringify({ ...config, ...overrides }),
      ...(overrides['generation'] === null ? { 'generation_config.json': null } : {}),
    }),
  );
}

/** The fixture model loaded; `load` changes how. */
export async function loadFixture(
  engine: EngineDevice,
  model: string,
  overrides: Record<string, unknown> = {},
  load: Partial<LoadOptions & { logitRows: number }> = {},
): Promise<ModelSession> {
  return ModelSession.load(engine, await fixtureCheckpoint(model, overrides), { ...smallLoad, ...load });
}
