import { ProtoWriter } from './protobuf.ts';

/** ONNX TensorProto.DataType. */
export const onnxType = { float: 1, int32: 6, int64: 7 } as const;
export type OnnxType = (typeof onnxType)[keyof typeof onnxType];

/** A number is fixed, a name is a dimension that varies from run to run. */
export type OnnxDim = number | string;
export type OnnxAttribute = number | string | { readonly float: number } | readonly number[];

/** A graph under construction; tensors are named by strings. Field numbers: onnx.proto3, IR version 10. */
export class OnnxGraph {
  private readonly graph = new ProtoWriter();
  private nodeCount = 0;
  private readonly defined = new Set<string>();

  private valueInfo(name: string, type: OnnxType, dims: readonly OnnxDim[]): ProtoWriter {
    const shape = new ProtoWriter();
    for (const dim of dims) {
      shape.message(
        1,
        typeof dim === 'number' ? new ProtoWriter().int(1, dim) : new ProtoWriter().string(2, dim),
      );
    }
    const tensor = new ProtoWriter().int(1, type).message(2, shape);
    return new ProtoWriter().string(1, name).message(2, new ProtoWriter().message(1, tensor));
  }

  input(name: string, type: OnnxType, dims: readonly OnnxDim[]): string {
    this.graph.message(11, this.valueInfo(name, type, dims));
    return name;
  }

  output(name: string, type: OnnxType, dims: readonly OnnxDim[]): void {
    this.graph.message(12, this.valueInfo(name, type, dims));
  }

  private constant(name: string, type: OnnxType, dims: readonly number[], raw: Uint8Array): string {
    if (this.defined.has(name)) return name;
    this.defined.add(name);
    const tensor = new ProtoWriter();
    for (const dim of dims) tensor.int(1, dim);
    tensor.int(2, type).string(8, name).bytes(9, raw);
    this.graph.message(5, tensor);
    return name;
  }

  /** An f32 initialiser. */
  floats(name: string, dims: readonly number[], data: Float32Array): string {
    return this.constant(
      name,
      onnxType.float,
      dims,
      new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    );
  }

  /** An int64 initialiser; equal lists share one. */
  ints(values: readonly number[]): string {
    const data = BigInt64Array.from(values, BigInt);
    return this.constant(
      `ints_${values.join('_')}`,
      onnxType.int64,
      [values.length],
      new Uint8Array(data.buffer),
    );
  }

  /** Adds a node and gives the name of its first output. An empty input name leaves an optional input out. */
  node(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
    outputs: readonly string[] = [`t${this.nodeCount}`],
    domain = '',
  ): string {
    const node = new ProtoWriter();
    for (const input of inputs) node.string(1, input);
    for (const output of outputs) node.string(2, output);
    node.string(3, `${opType}_${this.nodeCount++}`).string(4, opType);
    for (const [name, value] of Object.entries(attributes)) {
      const attribute = new ProtoWriter().string(1, name);
      if (typeof value === 'number') attribute.int(3, value).int(20, 2);
      else if (typeof value === 'string') attribute.string(4, value).int(20, 3);
      else if ('float' in value) attribute.float(2, value.float).int(20, 1);
      else {
        for (const item of value) attribute.int(8, item);
        attribute.int(20, 7);
      }
      node.message(5, attribute);
    }
    if (domain) node.string(7, domain);
    this.graph.message(1, node);
    return outputs[0] ?? '';
  }

  /** The model file's bytes. */
  finish(name: string): Uint8Array<ArrayBuffer> {
    this.graph.string(2, name);
    const opset = (domain: string, version: number) => new ProtoWriter().string(1, domain).int(2, version);
    return new ProtoWriter()
      .int(1, 10)
      .string(2, 'acc-workbench')
      .message(7, this.graph)
      .message(8, opset('', 21))
      .message(8, opset('com.microsoft', 1))
      .finish();
  }
}
