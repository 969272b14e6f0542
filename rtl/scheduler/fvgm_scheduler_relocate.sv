// Addresses of an instruction as the units see them: those in a buffer whose bit of header.slice is set
// are moved by the first word of the context's slice.
//
// first_i: first word of the slice, by slice_e (models/slices.py). A LOAD into pbuf counts quarters of
// an entry. Combinational, no errors: the check has found the operand to lie in the slice.
module fvgm_scheduler_relocate (
    input  fvgm_isa_pkg::instr_t                                    instr_i,
    input  logic [fvgm_isa_pkg::NumSliceBuffers-1:0][19:0]          first_i,
    output logic [fvgm_isa_pkg::PayloadBits-1:0]                    payload_o
);

  import fvgm_isa_pkg::*;

  logic [NumSliceBuffers-1:0][19:0] move;

  always_comb begin
    for (int unsigned b = 0; b < NumSliceBuffers; b++) begin
      move[b] = instr_i.header.slice[b] ? first_i[b] : '0;
    end
  end

  transfer_t transfer;
  gemm_t gemm;
  sfu_t sfu;
  su_t su;
  ru_t ru;

  always_comb begin
    transfer = instr_i.payload;
    case (transfer.buffer)
      BufA: transfer.base = transfer.base + move[SliceA];
      BufB: transfer.base = transfer.base + move[SliceB];
      BufV: transfer.base = transfer.base + move[SliceV];
      default: transfer.base = transfer.base + {move[SliceP][17:0], 2'b0};
    endcase
    transfer.list_base = transfer.list_base + move[SliceM][15:0];
  end

  always_comb begin
    gemm = instr_i.payload;
    gemm.a_base = gemm.a_base + move[SliceA];
    gemm.b_base = gemm.b_base + move[SliceB];
    gemm.o_base = gemm.o_base + move[SliceV];
    gemm.rbuf_base = gemm.rbuf_base + move[SliceR][15:0];
    gemm.pbuf_base = gemm.pbuf_base + move[SliceP][15:0];
  end

  always_comb begin
    sfu = instr_i.payload;
    sfu.x_base = sfu.x_base + move[SliceV];
    sfu.y_base = sfu.y_base + move[SliceV];
    sfu.d_base = sfu.d_base + ((sfu.dst == BufA) ? move[SliceA] : move[SliceV]);
    sfu.rbuf_base = sfu.rbuf_base + move[SliceR][15:0];
    sfu.pbuf_base = sfu.pbuf_base + move[SliceP][15:0];
  end

  always_comb begin
    su = instr_i.payload;
    su.x_base = su.x_base + move[SliceV];
    su.c_base = su.c_base + move[SliceV];
    su.meta_base = su.meta_base + move[SliceV];
    su.mask_base = su.mask_base + move[SliceV];
    su.list_base = su.list_base + move[SliceM][15:0];
    su.map_base = su.map_base + move[SliceM][15:0];
    su.write_base = su.write_base + move[SliceM][15:0];
  end

  always_comb begin
    ru = instr_i.payload;
    ru.y_base = ru.y_base + move[SliceV];
    ru.c1_base = ru.c1_base + move[SliceV];
    ru.c2_base = ru.c2_base + move[SliceV];
    ru.d_base = ru.d_base + move[SliceV];
    ru.map_base = ru.map_base + move[SliceM][15:0];
  end

  always_comb begin
    case (instr_i.header.opcode)
      OpGemm: payload_o = gemm;
      OpSfu: payload_o = sfu;
      OpSu: payload_o = su;
      OpRu: payload_o = ru;
      default: payload_o = transfer;
    endcase
  end

  logic unused_bits;
  assign unused_bits = ^{instr_i, move};

endmodule
