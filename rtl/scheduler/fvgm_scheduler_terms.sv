// Terms of the address sums of one instruction: term index_i, from 0 to the one that is `last`.
//
// An operand touches base + (n_0 - 1) * step_0 + (n_1 - 1) * step_1 ... at most. A term is one of the
// products; those of operands that the instruction does not use are there, but compare nothing.
// limit_i: words that the operands in each buffer may use, by slice_e. Terms: LOAD and STORE 5, GEMM 12, SFU 9, SU 9, RU 8. Combinational,
// no errors.
module fvgm_scheduler_terms (
    input  fvgm_isa_pkg::instr_t      instr_i,
    input  logic [fvgm_isa_pkg::NumSliceBuffers-1:0][20:0] limit_i,
    input  logic [3:0]                index_i,
    output fvgm_scheduler_pkg::term_t term_o
);

  import fvgm_isa_pkg::*;
  import fvgm_scheduler_pkg::*;

  transfer_t transfer;
  gemm_t gemm;
  sfu_t sfu;
  su_t su;
  ru_t ru;
  assign transfer = instr_i.payload;
  assign gemm = instr_i.payload;
  assign sfu = instr_i.payload;
  assign su = instr_i.payload;
  assign ru = instr_i.payload;

  logic [20:0] transfer_limit;
  always_comb begin
    case (transfer.buffer)
      BufA: transfer_limit = limit_i[SliceA];
      BufB: transfer_limit = limit_i[SliceB];
      BufV: transfer_limit = limit_i[SliceV];
      default: transfer_limit = {limit_i[SliceP][18:0], 2'b0};
    endcase
  end

  // With a list, rows of HBM are those that it may name, rows of the buffer those of the transfer.
  term_t transfer_term;
  always_comb begin
    logic [15:0] rows, in_row, beats;
    rows = transfer.rows - 16'd1;
    in_row = transfer.row_units - 16'd1;
    beats = (transfer.row_units >> 1) + 16'(transfer.row_units[0]);
    transfer_term = '0;
    transfer_term.limit = transfer_limit;
    case (index_i)
      4'd0: begin
        transfer_term.first = 1'b1;
        transfer_term.base = AddrW'(transfer.base);
        transfer_term.count = rows;
        transfer_term.step = 32'(transfer.row_step);
      end
      4'd1: begin
        transfer_term.count = in_row;
        transfer_term.step = 32'(transfer.unit_step);
        transfer_term.buffer_end = 1'b1;
      end
      4'd2: begin
        transfer_term.first = 1'b1;
        transfer_term.base = AddrW'(transfer.list_base);
        transfer_term.count = rows;
        transfer_term.step = 32'd1;
        transfer_term.limit = limit_i[SliceM];
        transfer_term.buffer_end = transfer.list;
      end
      4'd3: begin
        transfer_term.first = 1'b1;
        transfer_term.base = transfer.hbm_addr;
        transfer_term.count = transfer.list ? transfer.bound - 16'd1 : rows;
        transfer_term.step = transfer.hbm_stride;
      end
      default: begin
        transfer_term.count = beats;
        transfer_term.step = 32'd32;
        transfer_term.window_end = 1'b1;
        transfer_term.last = 1'b1;
      end
    endcase
  end

  term_t gemm_term;
  always_comb begin
    logic [15:0] rows, columns, groups, k_groups, products;
    logic kn;
    rows = gemm.m - 16'd1;
    columns = gemm.n - 16'd1;
    groups = columns >> 3;
    products = gemm.batch - 16'd1;
    kn = gemm.b_layout == LayoutKn;
    k_groups = (gemm.precision == PrecInt8) ? (gemm.k - 16'd1) >> 4 : (gemm.k - 16'd1) >> 3;
    gemm_term = '0;
    gemm_term.step = 32'd1;
    case (index_i)
      4'd0: begin
        gemm_term.first = 1'b1;
        gemm_term.base = AddrW'(gemm.a_base);
        gemm_term.count = products;
        gemm_term.step = 32'(gemm.a_batch);
      end
      4'd1: begin
        gemm_term.count = k_groups;
        gemm_term.step = 32'(gemm.a_step);
      end
      4'd2: begin
        gemm_term.count = rows;
        gemm_term.limit = limit_i[SliceA];
        gemm_term.buffer_end = 1'b1;
      end
      4'd3: begin
        gemm_term.first = 1'b1;
        gemm_term.base = AddrW'(gemm.b_base);
        gemm_term.count = products;
        gemm_term.step = 32'(gemm.b_batch);
      end
      4'd4: begin
        gemm_term.count = kn ? gemm.k - 16'd1 : k_groups;
        gemm_term.step = 32'(gemm.b_step);
      end
      4'd5: begin
        gemm_term.count = kn ? groups : columns;
        gemm_term.limit = limit_i[SliceB];
        gemm_term.buffer_end = 1'b1;
      end
      4'd6: begin
        gemm_term.first = 1'b1;
        gemm_term.base = AddrW'(gemm.o_base);
        gemm_term.count = products;
        gemm_term.step = 32'(gemm.o_batch);
      end
      4'd7: begin
        gemm_term.count = rows;
        gemm_term.step = 32'(gemm.o_step);
      end
      4'd8: begin
        gemm_term.count = gemm.out_fp32 ? {groups[14:0], 1'b1} : groups;
        gemm_term.limit = limit_i[SliceV];
        gemm_term.buffer_end = 1'b1;
      end
      4'd9: begin
        gemm_term.first = 1'b1;
        gemm_term.base = AddrW'(gemm.rbuf_base);
        gemm_term.count = products;
        gemm_term.step = 32'(gemm.m);
      end
      4'd10: begin
        gemm_term.count = rows;
        gemm_term.limit = limit_i[SliceR];
        gemm_term.buffer_end = gemm.row_scale;
      end
      default: begin
        gemm_term.first = 1'b1;
        gemm_term.base = AddrW'(gemm.pbuf_base);
        gemm_term.count = groups;
        gemm_term.limit = limit_i[SliceP];
        gemm_term.buffer_end = gemm.col_affine;
        gemm_term.last = 1'b1;
      end
    endcase
  end

  term_t sfu_term;
  always_comb begin
    logic [15:0] rows, elements;
    logic int8_out;
    rows = sfu.rows - 16'd1;
    elements = sfu.cols - 16'd1;
    int8_out = !sfu.out_fp16 && sfu.op != SfuSoftmax && sfu.op != SfuResidual;
    sfu_term = '0;
    sfu_term.step = 32'd1;
    case (index_i)
      4'd0: begin
        sfu_term.first = 1'b1;
        sfu_term.base = AddrW'(sfu.x_base);
        sfu_term.count = rows;
        sfu_term.step = 32'(sfu.x_step);
      end
      4'd1: begin
        sfu_term.count = sfu.x_fp32 ? elements >> 2 : elements >> 3;
        sfu_term.limit = limit_i[SliceV];
        sfu_term.buffer_end = 1'b1;
      end
      4'd2: begin
        sfu_term.first = 1'b1;
        sfu_term.base = AddrW'(sfu.y_base);
        sfu_term.count = rows;
        sfu_term.step = 32'(sfu.y_step);
      end
      4'd3: begin
        sfu_term.count = elements >> 3;
        sfu_term.limit = limit_i[SliceV];
        sfu_term.buffer_end = sfu.op == SfuResidual;
      end
      4'd4: begin
        sfu_term.first = 1'b1;
        sfu_term.base = AddrW'(sfu.d_base);
        sfu_term.count = rows;
        sfu_term.step = 32'(sfu.d_row);
      end
      4'd5: begin
        sfu_term.count = int8_out ? elements >> 4 : elements >> 3;
        sfu_term.step = 32'(sfu.d_unit);
        sfu_term.limit = (sfu.dst == BufA) ? limit_i[SliceA] : limit_i[SliceV];
        sfu_term.buffer_end = 1'b1;
      end
      4'd6: begin
        sfu_term.first = 1'b1;
        sfu_term.base = AddrW'(sfu.pbuf_base);
        sfu_term.count = elements >> 3;
        sfu_term.limit = limit_i[SliceP];
        sfu_term.buffer_end = sfu.affine;
      end
      4'd7: begin
        sfu_term.first = 1'b1;
        sfu_term.base = AddrW'(sfu.rbuf_base);
        sfu_term.count = rows;
        sfu_term.limit = limit_i[SliceR];
        sfu_term.buffer_end = int8_out || sfu.op == SfuSoftmax;
      end
      default: begin
        sfu_term.last = 1'b1;
      end
    endcase
  end

  // SU: x unless a mask decides, cached rows, ages and norms, mask, then what it writes into mbuf.
  term_t su_term;
  always_comb begin
    logic [15:0] rows, elements;
    rows = su.rows - 16'd1;
    elements = su.cols - 16'd1;
    su_term = '0;
    su_term.first = 1'b1;
    su_term.count = rows;
    su_term.step = 32'd1;
    su_term.limit = limit_i[SliceV];
    case (index_i)
      4'd0: begin
        su_term.base = AddrW'(su.x_base);
        su_term.step = 32'(su.x_step);
      end
      4'd1: begin
        su_term.first = 1'b0;
        su_term.count = elements >> 3;
        su_term.buffer_end = !su.mask;
      end
      4'd2: begin
        su_term.base = AddrW'(su.c_base);
        su_term.step = 32'(su.c_step);
      end
      4'd3: begin
        su_term.first = 1'b0;
        su_term.count = su.c_int8 ? elements >> 4 : elements >> 3;
        su_term.buffer_end = su.step;
      end
      4'd4: begin
        su_term.base = AddrW'(su.meta_base);
        su_term.count = rows >> 1;
        su_term.buffer_end = su.meta;
      end
      4'd5: begin
        su_term.base = AddrW'(su.mask_base);
        su_term.count = rows >> 7;
        su_term.buffer_end = su.mask;
      end
      4'd6: begin
        su_term.base = AddrW'(su.list_base);
        su_term.limit = limit_i[SliceM];
        su_term.buffer_end = 1'b1;
      end
      4'd7: begin
        su_term.base = AddrW'(su.map_base);
        su_term.limit = limit_i[SliceM];
        su_term.buffer_end = 1'b1;
      end
      default: begin
        su_term.base = AddrW'(su.write_base);
        su_term.limit = limit_i[SliceM];
        su_term.buffer_end = 1'b1;
        su_term.last = 1'b1;
      end
    endcase
  end

  // Which rows of y the RU reads only the map knows: its first one is checked.
  term_t ru_term;
  always_comb begin
    logic [15:0] rows, in_row;
    logic recover;
    rows = ru.rows - 16'd1;
    in_row = ru.units - 16'd1;
    recover = ru.op == RuRecover;
    ru_term = '0;
    ru_term.first = 1'b1;
    ru_term.count = rows;
    ru_term.step = 32'd1;
    ru_term.limit = limit_i[SliceV];
    case (index_i)
      4'd0: begin
        ru_term.base = AddrW'(ru.d_base);
        ru_term.step = 32'(ru.d_step);
      end
      4'd1: begin
        ru_term.first = 1'b0;
        ru_term.count = in_row;
        ru_term.buffer_end = 1'b1;
      end
      4'd2: begin
        ru_term.base = AddrW'(ru.c1_base);
        ru_term.step = 32'(ru.c1_step);
      end
      4'd3: begin
        ru_term.first = 1'b0;
        ru_term.count = in_row;
        ru_term.buffer_end = recover;
      end
      4'd4: begin
        ru_term.base = AddrW'(ru.c2_base);
        ru_term.step = 32'(ru.c2_step);
      end
      4'd5: begin
        ru_term.first = 1'b0;
        ru_term.count = in_row;
        ru_term.buffer_end = recover && ru.extrapolate;
      end
      4'd6: begin
        ru_term.base = AddrW'(ru.y_base);
        ru_term.count = in_row;
        ru_term.buffer_end = 1'b1;
      end
      default: begin
        ru_term.base = AddrW'(ru.map_base);
        ru_term.limit = limit_i[SliceM];
        ru_term.buffer_end = 1'b1;
        ru_term.last = 1'b1;
      end
    endcase
  end

  always_comb begin
    case (instr_i.header.opcode)
      OpGemm: term_o = gemm_term;
      OpSfu: term_o = sfu_term;
      OpSu: term_o = su_term;
      OpRu: term_o = ru_term;
      default: term_o = transfer_term;
    endcase
  end

  logic unused_bits;
  assign unused_bits = ^{instr_i, transfer, gemm, sfu, su, ru};

endmodule
