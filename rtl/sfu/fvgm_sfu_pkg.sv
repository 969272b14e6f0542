// Types and constants of the special-function unit (docs/sfu.md).
package fvgm_sfu_pkg;

  import fvgm_isa_pkg::*;
  import fvgm_fp_pkg::*;

  localparam int unsigned Lanes = 8;
  localparam int unsigned BatchRows = 16;  // rows whose passes follow each other back to back
  localparam int unsigned Banks = 4;  // batches in flight, each with its copy of the command
  localparam int unsigned RowBits = $clog2(BatchRows);
  localparam int unsigned BankBits = $clog2(Banks);
  localparam int unsigned CtxBits = BankBits + RowBits;
  localparam int unsigned Contexts = Banks * BatchRows;
  localparam int unsigned GroupBits = 13;  // index of a group of 8 elements in a row
  localparam int unsigned StoreSlack = 64;  // groups of the store less its longest whole row
  localparam int unsigned OutDepth = 16;  // units between the store and the write ports

  localparam int unsigned AddrBits = 20;  // units of abuf and vbuf
  localparam int unsigned EntryBits = 16;  // entries of pbuf, words of rbuf
  localparam int unsigned UnitBits = 128;

  // Cycles from valid_i to valid_o
  localparam int unsigned PwqLatency = 4;
  localparam int unsigned FnLatency = PwqLatency + 2;

  // Stages of a lane: cycle, counted from the FP32 operand, at which each step takes its operands
  localparam int unsigned StageMul1 = FpAddLatency;
  localparam int unsigned StageFn = StageMul1 + FpMulLatency;
  localparam int unsigned StageMul2 = StageFn + FnLatency;
  localparam int unsigned StageAdd2 = StageMul2 + FpMulLatency;
  localparam int unsigned StageSum = StageAdd2 + FpAddLatency;
  localparam int unsigned StageOut = StageSum + FpToF16Latency;

  localparam logic [31:0] Fp32NegZero = 32'h8000_0000;
  localparam logic [31:0] Fp32Inv127 = 32'h3C01_0204;
  localparam logic [31:0] Fp32C127 = 32'h42FE_0000;

  // What a pass computes from a row
  typedef enum logic [2:0] {
    PassSum = 3'd0,  // sum x, in the scan
    PassMax = 3'd1,  // max x, in the scan
    PassSquare = 3'd2,  // sum (x - mean)^2
    PassExp = 3'd3,  // p = exp2((x - max) * imm0), written and summed
    PassQuant = 3'd4,  // y, written, and max |y|
    PassAbsmax = 3'd5,  // max |y|
    PassWrite = 3'd6  // y, written
  } pass_e;

  typedef enum logic [1:0] {
    FnNone = 2'd0,
    FnExp2 = 2'd1,
    FnGelu = 2'd2
  } fn_e;

  // A row in flight; also the index of its scalars
  typedef struct packed {
    logic [BankBits-1:0] bank;
    logic [RowBits-1:0] row;  // of the batch
  } ctx_t;

  // Eight elements of a row
  typedef struct packed {
    ctx_t ctx;
    logic [GroupBits-1:0] index;
    logic [3:0] lanes;  // valid lanes, 1 to 8
    logic row_last;  // last group of its row
  } group_t;

  // Which steps of the lanes a pass uses
  typedef struct packed {
    logic norm;  // (x - mean) * rstd
    logic center;  // x - mean
    logic square;  // times itself
    logic exp;  // exp2((x - max) * imm0)
    logic gelu;
    logic affine;  // * a + b; for RESIDUAL * a, for GELU + b
    logic residual;  // + x
    logic half;  // to FP16
  } mode_t;

  // Travels with a group through the lanes
  typedef struct packed {
    group_t group;
    pass_e pass;
    mode_t mode;
    logic cmd_first;  // of the first row of its command
  } tag_t;

  // A cycle of the issue stage: at most one read request, at most one group
  typedef struct packed {
    tag_t tag;
    logic fp32;  // the group is the two units of this read
    logic held;  // the group is the upper unit of the previous read
    logic x_pair;  // RESIDUAL: this read brings two groups of x, no group is issued
    logic y_pair;  // RESIDUAL: this read brings two groups of y, the first group is issued
    logic second;  // y_pair: there is a second group
    logic second_last;  // ... which ends the row
    logic [3:0] second_lanes;
  } slot_t;

  // Where results go
  typedef struct packed {
    logic to_vbuf;
    logic [AddrBits-1:0] base;
    logic [AddrBits-1:0] row;
    logic [AddrBits-1:0] unit_step;
  } dst_t;

  // A batch of rows and what its command says, per bank
  typedef struct packed {
    sfu_op_e op;
    logic int8;  // the result
    logic fp32;  // x
    logic affine;
    logic long_row;  // INT8 rows do not fit the store: a pass for max |y|
    logic [AddrBits-1:0] x_base;  // unit of the batch's first row
    logic [AddrBits-1:0] x_step;
    logic [AddrBits-1:0] y_base;
    logic [AddrBits-1:0] y_step;
    logic [GroupBits-1:0] last_group;
    logic [3:0] last_lanes;
    logic [RowBits-1:0] last_row;
    logic cmd_first;  // the batch begins its command
    logic cmd_last;  // the batch ends its command
    dst_t dst;
    logic [EntryBits-1:0] rbuf_addr;  // of the batch's first row
    logic [EntryBits-1:0] pbuf_base;
    logic [31:0] imm0;
    logic [31:0] imm1;
  } batch_t;

  // Operands that all lanes share, each valid in the cycle of its stage
  typedef struct packed {
    logic [31:0] c0;  // stage 0
    logic [31:0] c1;  // StageMul1
    logic square;  // StageMul1: multiply by itself
    fn_e fn;  // StageFn
    logic gate;  // StageMul2: multiply by the gelu gate
    logic to_f16;  // StageSum
  } lane_ctrl_t;

  // A unit on its way to a write port
  typedef struct packed {
    logic to_vbuf;
    logic cmd_last;  // last unit of its command
    logic [AddrBits-1:0] addr;
    logic [UnitBits-1:0] data;
  } out_t;

  // Operations whose rows the scan reads before the lanes
  function automatic logic scanned(sfu_op_e op);
    return op == SfuLayernorm || op == SfuSoftmax;
  endfunction

  // The pass that makes y; a long INT8 row takes another one before it, for its maximum.
  function automatic pass_e result_pass(batch_t batch);
    if (!batch.int8) return PassWrite;
    return batch.long_row ? PassAbsmax : PassQuant;
  endfunction

  function automatic pass_e first_pass(batch_t batch);
    if (batch.op == SfuLayernorm) return PassSquare;
    return (batch.op == SfuSoftmax) ? PassExp : result_pass(batch);
  endfunction

  function automatic pass_e next_pass(pass_e pass, batch_t batch);
    return (pass == PassSquare) ? result_pass(batch) : PassWrite;
  endfunction

  // The pass ends the batch.
  function automatic logic pass_writes(pass_e pass);
    return pass == PassWrite || pass == PassExp || pass == PassQuant;
  endfunction

endpackage
