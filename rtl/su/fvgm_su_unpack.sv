// Read data to chunks of aligned integers: joins both ports, takes the elements apart, finds the
// greatest exponent, shifts the others to it (models/su.py: chunks).
//
// A port's data arrive two cycles after taken_i and stay in its register until the slot leaves,
// also for the second look at an INT8 chunk. Elements from count_i on are zero.
// operand_o: two's complement for INT8, else a magnitude whose sign is negative_o. exponent_o is of
// the chunk, bad_o: it has an infinity or NaN. Mask bits go into token_o.keep, ages and norms to
// meta_o.
// Latency: 7 cycles from token_i to token_o, meta 3. Throughput: a slot per
// cycle. Errors: none.
module fvgm_su_unpack
  import fvgm_su_pkg::*;
(
  input  logic clk_i,
  input  logic rst_ni,

  input  logic [1:0] taken_i,
  input  logic [1:0][1:0][127:0] rd_data_i,
  input  token_t token_i,
  input  logic [5:0] count_i,
  input  logic int8_i,          // of cached rows

  output logic meta_valid_o,
  output logic [127:0] meta_o,

  output token_t token_o,
  output logic [4:0] exponent_o,
  output logic bad_o,
  output logic [SuLanes-1:0][SuOperandBits-1:0] operand_o,
  output logic [SuLanes-1:0] negative_o
);

  localparam int unsigned Stages = 7;

  // Slots: token_q[i] stands in stage i + 1; data are there in stage 3.
  token_t [Stages-1:0] token_q;
  logic [Stages-2:2] int8_q;
  logic [1:0][5:0] count_q;
  logic [SuLanes-1:0] in_q;     // element is inside the row, stage 3
  logic [127:0] mask_q;
  logic is_int8, mask_bits, first_of_row;
  logic [1:0] taken_q, arriving_q;
  logic [1:0][255:0] chunk_q;
  logic [511:0] chunk;

  assign is_int8 = int8_i && (token_q[1].kind == SlotStep || token_q[1].kind == SlotCached);
  assign mask_bits = token_q[2].valid && token_q[2].kind == SlotMask;
  assign first_of_row = token_q[2].valid && token_q[2].kind == SlotNorm && token_q[2].first;

  always_ff @(posedge clk_i) begin
    for (int unsigned i = 1; i < Stages; i++) token_q[i] <= token_q[i-1];
    token_q[0] <= token_i;
    token_q[3].keep <= mask_q[0];
    if (!rst_ni) begin
      for (int unsigned i = 0; i < Stages; i++) token_q[i].valid <= 1'b0;
    end
    count_q <= {count_q[0], count_i};
    for (int unsigned i = 0; i < SuLanes; i++) in_q[i] <= 6'(i) < count_q[1];
    int8_q <= {int8_q[Stages-3:2], is_int8};
    if (mask_bits) mask_q <= chunk[127:0];
    else if (first_of_row) mask_q <= mask_q >> 1;
  end

  // Stage 3: the chunk.

  always_ff @(posedge clk_i) begin
    taken_q <= taken_i;
    arriving_q <= taken_q;
    for (int unsigned p = 0; p < 2; p++) begin
      if (arriving_q[p]) chunk_q[p] <= rd_data_i[p];
    end
  end

  assign chunk = chunk_q;
  assign meta_valid_o = token_q[2].valid && token_q[2].kind == SlotMeta;
  assign meta_o = chunk[127:0];

  // Stages 4 to 6: fields. An INT8 has the exponent 0; its highest bit is in place of the sign, the
  // others at the top of the significand.
  logic [SuLanes-1:0] sign4_q, sign5_q, sign6_q;
  logic [SuLanes-1:0][4:0] exp4_q, exp5_q, exp6_q;
  logic [SuLanes-1:0][9:0] man4_q, man5_q, man6_q;

  always_ff @(posedge clk_i) begin
    for (int unsigned i = 0; i < SuLanes; i++) begin
      sign4_q[i] <= int8_q[2] ? chunk[8*i+7] : chunk[16*i+15];
      man4_q[i][9:3] <= int8_q[2] ? chunk[8*i+:7] : chunk[16*i+3+:7];
      man4_q[i][2:0] <= chunk[16*i+:3];
      exp4_q[i] <= chunk[16*i+10+:5];
      if (!in_q[i] || int8_q[2]) {exp4_q[i], man4_q[i][2:0]} <= '0;
      if (!in_q[i]) {sign4_q[i], man4_q[i][9:3]} <= '0;
    end
    {sign5_q, exp5_q, man5_q} <= {sign4_q, exp4_q, man4_q};
    {sign6_q, exp6_q, man6_q} <= {sign5_q, exp5_q, man5_q};
  end

  // Greatest exponent, bit by bit from the top: who has not the bit that another one has is out.
  logic [4:0] top6_q;
  logic [4:2] top4, top5_q;
  logic [1:0] low5;
  logic [SuLanes-1:0] in3, in2, in1_d, in1_q, in0;

  always_comb begin
    for (int unsigned i = 0; i < SuLanes; i++) in3[i] = exp4_q[i][4];
    top4[4] = |in3;
    for (int unsigned i = 0; i < SuLanes; i++) in3[i] = exp4_q[i][4] || !top4[4];
    for (int unsigned i = 0; i < SuLanes; i++) in2[i] = in3[i] && exp4_q[i][3];
    top4[3] = |in2;
    for (int unsigned i = 0; i < SuLanes; i++) in2[i] = in3[i] && (exp4_q[i][3] || !top4[3]);
    for (int unsigned i = 0; i < SuLanes; i++) in1_d[i] = in2[i] && exp4_q[i][2];
    top4[2] = |in1_d;
    for (int unsigned i = 0; i < SuLanes; i++) in1_d[i] = in2[i] && (exp4_q[i][2] || !top4[2]);

    for (int unsigned i = 0; i < SuLanes; i++) in0[i] = in1_q[i] && exp5_q[i][1];
    low5[1] = |in0;
    for (int unsigned i = 0; i < SuLanes; i++) begin
      in0[i] = in1_q[i] && (exp5_q[i][1] || !low5[1]) && exp5_q[i][0];
    end
    low5[0] = |in0;
  end

  always_ff @(posedge clk_i) begin
    top5_q <= top4;
    in1_q <= in1_d;
    top6_q <= {top5_q, low5[1], low5[0] || {top5_q, low5[1]} == '0};
  end

  // Stage 7: shift by ones; by fours behind it. INT8 is not shifted.
  logic [SuLanes-1:0][13:0] fine_d, fine_q;
  logic [SuLanes-1:0][1:0] fours_q;
  logic [SuLanes-1:0] sign7_q, high7_q;
  logic [SuLanes-1:0][4:0] shift6;
  logic [SuLanes-1:0] hidden6;

  always_comb begin
    for (int unsigned i = 0; i < SuLanes; i++) begin
      hidden6[i] = int8_q[5] ? sign6_q[i] : exp6_q[i] != '0;
      shift6[i] = top6_q - {exp6_q[i][4:1], exp6_q[i][0] || exp6_q[i] == '0};
      fine_d[i] = {hidden6[i], man6_q[i], 3'b0} >> shift6[i][1:0];
    end
  end

  always_ff @(posedge clk_i) begin
    for (int unsigned i = 0; i < SuLanes; i++) begin
      fine_q[i] <= fine_d[i];
      if (shift6[i][4]) fine_q[i] <= '0;
      fours_q[i] <= shift6[i][3:2];
    end
    sign7_q <= sign6_q;
    high7_q <= sign6_q;
    if (int8_q[5]) sign7_q <= '0;
    else high7_q <= '0;
    exponent_o <= int8_q[5] ? 5'(SuInt8Exp) : top6_q;
    bad_o <= top6_q == '1;  // INT8 has exponents 0
  end

  always_comb begin
    for (int unsigned i = 0; i < SuLanes; i++) begin
      operand_o[i] = {high7_q[i], {fine_q[i], 2'b0} >> {fours_q[i], 2'b00}};
    end
  end

  assign negative_o = sign7_q;
  assign token_o = token_q[6];

endmodule
