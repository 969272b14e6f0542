// Checks of one instruction that need no arithmetic: opcode, flags, lengths, alignment.
//
// cause_o is the first cause in the order ILLEGAL_OPCODE, ILLEGAL_FIELD, ZERO_LENGTH, MISALIGNED;
// ranged_o: the instruction has operands, whose ranges fvgm_scheduler_check sums up. Combinational.
module fvgm_scheduler_fields (
    input  fvgm_isa_pkg::instr_t instr_i,
    output fvgm_isa_pkg::cause_e cause_o,
    output logic                 ranged_o
);

  import fvgm_isa_pkg::*;

  localparam int unsigned MaxFp16K = 16384;  // products that the accumulator holds (numerics.md)

  header_t header;
  transfer_t transfer;
  gemm_t gemm;
  sfu_t sfu;
  su_t su;
  ru_t ru;
  assign header = instr_i.header;
  assign transfer = instr_i.payload;
  assign gemm = instr_i.payload;
  assign sfu = instr_i.payload;
  assign su = instr_i.payload;
  assign ru = instr_i.payload;

  logic illegal_opcode, illegal_field, zero_length, misaligned, ranged;

  // A window has 1 to 8 rows along a coordinate, its reference is one of them.
  function automatic logic bad_window(logic [3:0] size, logic [2:0] offset);
    return size == '0 || size > 4'd8 || 4'(offset) >= size;
  endfunction

  always_comb begin
    illegal_opcode = 1'b0;
    illegal_field = 1'b0;
    zero_length = 1'b0;
    misaligned = 1'b0;
    ranged = 1'b1;
    case (header.opcode)
      OpEnd: ranged = 1'b0;
      OpLoad, OpStore: begin
        illegal_field = header.opcode == OpStore &&
                        (transfer.buffer != BufV || transfer.unit_step != 20'd1);
        zero_length = transfer.rows == '0 || transfer.row_units == '0 ||
                      (transfer.list && transfer.bound == '0);
        misaligned = transfer.hbm_addr[4:0] != '0 || transfer.hbm_stride[4:0] != '0;
      end
      OpGemm: begin
        illegal_field = (gemm.precision == PrecInt8)
            ? gemm.b_layout == LayoutKn || gemm.a_base[0] || gemm.a_step[0] || gemm.a_batch[0]
            : gemm.k > 16'(MaxFp16K) || (gemm.b_layout == LayoutKn && !gemm.b_step[0]);
        zero_length = gemm.m == '0 || gemm.n == '0 || gemm.k == '0 || gemm.batch == '0;
      end
      OpSfu: begin
        case (sfu.op)
          SfuLayernorm, SfuQuant, SfuGelu: illegal_field = sfu.x_fp32;
          SfuSoftmax: illegal_field = sfu.out_fp16 || sfu.affine;
          SfuResidual: illegal_field = sfu.x_fp32 || sfu.out_fp16;
          default: illegal_field = 1'b1;
        endcase
        if (sfu.dst != BufA && sfu.dst != BufV) illegal_field = 1'b1;
        zero_length = sfu.rows == '0 || sfu.cols == '0;
      end
      OpSu: begin
        illegal_field = su.rows > 16'(MaxListRows) || header.count != '0 || (su.step && !su.meta) ||
                        (su.mask && su.step) || (su.c_int8 && !su.step) ||
                        bad_window(su.w0, su.o0) || bad_window(su.w1, su.o1) ||
                        bad_window(su.w2, su.o2);
        zero_length = su.rows == '0 || su.cols == '0 || su.n1 == '0 || su.n2 == '0;
      end
      OpRu: begin
        illegal_field = ru.extrapolate && ru.op == RuGather;
        zero_length = ru.rows == '0 || ru.units == '0;
      end
      default: begin
        illegal_opcode = 1'b1;
        ranged = 1'b0;
      end
    endcase
    cause_o = CauseNone;
    if (illegal_opcode) cause_o = CauseIllegalOpcode;
    else if (illegal_field) cause_o = CauseIllegalField;
    else if (zero_length) cause_o = CauseZeroLength;
    else if (misaligned) cause_o = CauseMisaligned;
    ranged_o = ranged;
  end

  logic unused_bits;
  assign unused_bits = ^{header, transfer, gemm, sfu, su, ru};

endmodule
