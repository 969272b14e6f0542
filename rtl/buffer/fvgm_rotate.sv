// Rotation: data_o[i] is data_i[(i + first_i) mod Count].
//
// Each level of four-way multiplexers takes two bits of first_i, the highest first; of an odd number of
// bits the last level takes one. As sums of products the multiplexers of a level have nothing in
// common, so that each becomes one LUT6 a bit; as trees they would share inner nodes, of which a
// mapper makes two small LUTs.
//
// Parameters: Count is a power of two, >= 2; Width in bits. Combinational, no errors.
module fvgm_rotate #(
  parameter int unsigned Count = 4,
  parameter int unsigned Width = 128,
  localparam int unsigned Bits = $clog2(Count)
) (
  input  logic [Bits-1:0] first_i,
  input  logic [Count-1:0][Width-1:0] data_i,
  output logic [Count-1:0][Width-1:0] data_o
);

  localparam int unsigned PadBits = Bits % 2;
  localparam int unsigned Levels = (Bits + PadBits) / 2;

  if (Count != 2 ** Bits || Count < 2) begin : gen_illegal_count
    $error("fvgm_rotate: Count must be a power of two, >= 2");
  end

  logic [2*Levels-1:0] digits;
  assign digits = (2 * Levels)'(first_i) << PadBits;

  always_comb begin
    logic [Count-1:0][Width-1:0] from;
    data_o = data_i;
    for (int level = int'(Levels) - 1; level >= 0; level--) begin
      from = data_o;
      data_o = '0;
      for (int unsigned d = 0; d < 4; d++) begin
        if (digits[2*level+:2] == 2'(d)) begin
          data_o = data_o | (from >> (Width * ((d << 2 * level) >> PadBits))) |
                   (from << (Width * (Count - ((d << 2 * level) >> PadBits))));
        end
      end
    end
  end

endmodule
